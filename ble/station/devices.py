"""What a station does with one device at a time: commission it, and have it forget a pairing."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack

from ble.protocol.credentials import Kind
from ble.protocol.messages import Commission, Done, Enrol, SetClock, Unpair
from ble.protocol.reports import Report
from ble.station.contact import Contact, refused
from ble.station.errors import DeviceLost, DeviceRefused, LinkUnprotected
from ble.station.progress import Step
from ble.station.service import Commissioning, Job
from ble.station.work import TRIES, Work


async def commission(work: Work) -> str:
    """Give a new device its credential and its time; answers what to say at the end.

    Raises:
        StationError: it could not be done.
    """
    job = work.the_job()
    serial = job.sppm or job.camera
    work.progress.begun(Step.FIND, f"Put {serial} into pairing mode.", serial=serial)
    async with AsyncExitStack() as stack:
        contact, enrol, report = await _new(work, serial, stack)
        work.progress.done(Step.IDENTIFY, f"{report.kind} {serial}", device=report.kind.value, serial=serial)
        work.progress.begun(Step.COMMISSION, serial)
        await work.tell()
        credential, chain = await work.service.credential(job.id, asked(enrol, report))
        await _done(contact, Commission(credential, chain))
        await _done(contact, SetClock(round(work.clock() * 1000)))
        work.progress.done(Step.COMMISSION, serial)
    return f"{serial} is commissioned."


async def _new(work: Work, serial: str, stack: AsyncExitStack) -> tuple[Contact, Enrol, Report]:
    """The device in pairing mode that has this serial and no credential, kept open in ``stack``."""
    tried: Counter[str] = Counter()
    until = asyncio.get_running_loop().time() + work.find_s
    said = ""
    while (left := until - asyncio.get_running_loop().time()) > 0:
        sighted = await work.radio.first(lambda one: tried[one.address] < TRIES, left)
        if sighted is None:
            break
        tried[sighted.address] += 1
        try:
            async with AsyncExitStack() as inner:
                contact = await inner.enter_async_context(work.opened(sighted))
                enrol, report = await contact.enrol()
                if report.serial == serial:
                    stack.push_async_exit(inner.pop_all())
                    return contact, enrol, report
                said = f" {report.kind} {report.serial} answered instead."
        except DeviceRefused as refusal:
            said = f" One that answered: {refusal.what}"
        except (DeviceLost, LinkUnprotected) as error:
            said = f" {error.what}"
    what = f"{serial} did not answer as a device that has no credential.{said}"
    raise DeviceLost(what, "Put it into pairing mode by hand (60 s). One that was commissioned is reset first.")


def asked(enrol: Enrol, report: Report) -> Commissioning:
    """What the service is asked for a device that has no credential."""
    vitals = report.vitals
    levels: Mapping[str, str | None] = {
        "encryption": vitals.encryption.value if vitals.encryption else None,
        "bluetooth": vitals.bluetooth.value,
    }
    return Commissioning(report.kind.value, report.serial, enrol.agreement, enrol.signing, levels, vitals.firmware)


async def _done(contact: Contact, request: Commission | SetClock | Unpair) -> None:
    answer = await contact.ask(request)
    if not isinstance(answer, Done):
        raise refused(answer)


async def unpair(work: Work) -> str:
    """Carry the service's orders to forget pairings to both devices; answers what to say at the end.

    Raises:
        DeviceLost: one of them was not found; it is told at its next contact.
        StationError: it could not be done.
    """
    job = work.the_job()
    told: list[str] = []
    for kind, serial in _holders(job).items():
        async with AsyncExitStack() as stack:
            met = (await work.meet_all({kind: serial}, stack))[kind]
            work.progress.begun(Step.FORGET, serial)
            for order in job.orders:
                await _done(met.contact, Unpair(order))
            work.progress.done(Step.FORGET, serial, pairings=len(job.orders))
            told.append(serial)
    return f"{' and '.join(told)} have forgotten their pairing."


def _holders(job: Job) -> dict[Kind, str]:
    named = {Kind.TASER: job.sppm, Kind.CAMERA: job.camera}
    return {kind: serial for kind, serial in named.items() if serial}
