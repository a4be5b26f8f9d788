"""A device and a station: commissioning, trust, orders, and every message where it has no place."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble.protocol import messages
from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Credential, Kind
from ble.protocol.device import IDLE_S
from ble.protocol.memory import Memory
from ble.protocol.messages import (
    Commission,
    Done,
    Enrol,
    EnrolRequest,
    Entries,
    Failure,
    Hello,
    LogRequest,
    Message,
    Receipt,
    ReceiptRequest,
    Refused,
    Relay,
    Reported,
    ReportRequest,
    SetTrust,
    Unpair,
)
from ble.protocol.pairing import CAMERA, TASER, CameraSide, CameraState, TaserSide, TaserState
from ble.protocol.permits import Purpose
from ble.protocol.relay import Action, Ask, Side
from ble.protocol.reports import Standing
from ble.protocol.session import SessionError, SessionState
from ble.protocol.steps import Moment, Refusal, Step
from tests.ble.protocol.parties import CAMERA as CAMERA_VITALS
from tests.ble.protocol.parties import NOW, YEAR, Force, Interrupted, Pair, PowerCut, Station, new_pair, owner
from tests.ble.protocol.parties import TASER as TASER_VITALS


def _new_camera(pair: Pair) -> Station:
    """A station with a camera in front of it that comes from the factory."""
    camera = owner(CameraSide(Memory.new(Kind.CAMERA, "BW2-0002")), CAMERA_VITALS)
    return Station(pair.force, pair.taser, camera)


def _enrol(station: Station) -> Credential:
    session = station.connect(Side.CAMERA)
    answer = station.ask(Side.CAMERA, EnrolRequest())
    assert isinstance(answer, Enrol)
    agreement, signing, report = session.enrolled(answer)
    return Credential(report.kind, report.serial, agreement, signing, NOW, NOW + YEAR)


def _commission(station: Station, credential: Credential) -> object:
    force = station.force
    return station.ask(Side.CAMERA, Commission(credential.issue(force.authority), force.chain))


def _report(station: Station, side: Side) -> Reported:
    answer = station.ask(side, ReportRequest(b""))
    assert isinstance(answer, Reported)
    return answer


def _refused(answer: object) -> str:
    assert isinstance(answer, Refused)
    return answer.reason


def _failed(data: bytes | None) -> str:
    answer = messages.decode(data or b"")
    assert isinstance(answer, Failure)
    return answer.reason


def test_a_new_device_is_commissioned_and_pairs() -> None:
    pair = new_pair()
    station = _new_camera(pair)

    assert _commission(station, _enrol(station)) == Done()
    station.disconnect()

    assert station.pair()
    assert station.owners[Side.CAMERA].memory.pairings == station.owners[Side.CAMERA].side.memory.pairings


def test_a_new_device_does_nothing_else() -> None:
    station = _new_camera(new_pair())
    station.connect(Side.CAMERA)

    for request in (ReportRequest(b""), LogRequest(0, 1), ReceiptRequest(b"p" * 16)):
        assert _refused(station.ask(Side.CAMERA, request)) == Refusal.NOT_EXPECTED


@pytest.mark.parametrize("what", ["write", "send"])
def test_commissioning_that_is_cut_off_is_done_again(what: str) -> None:
    station = _new_camera(new_pair())
    camera = station.owners[Side.CAMERA]
    credential = _enrol(station)
    camera.done.clear()
    camera.cut_at = what, 1
    with pytest.raises(PowerCut):
        _commission(station, credential)

    assert bool(camera.memory.credential) == (what == "send")
    again = _enrol(station)
    assert (again.agreement, again.signing) == (credential.agreement, credential.signing)
    assert _commission(station, again) == Done()


def test_a_credential_of_another_device_is_refused() -> None:
    station = _new_camera(new_pair())
    credential = _enrol(station)

    for wrong in (replace(credential, serial="BW2-0003"), replace(credential, signing=PrivateKey.generate().public)):
        assert _refused(_commission(station, wrong)) == Refusal.CREDENTIAL
    assert not station.owners[Side.CAMERA].memory.credential


def test_a_credential_is_renewed_before_its_end_and_after_it() -> None:
    pair = new_pair()
    camera = pair.camera.memory
    old = pair.force.commission(camera, expires_at=NOW + 1)
    pair.camera.side = CameraSide(old)
    pair.camera.vitals = replace(pair.camera.vitals, clock=NOW + 1)
    assert _commission(pair.station, _enrol(pair.station)) == Done()

    pair.station.disconnect()
    session = pair.station.connect(Side.CAMERA)
    assert session.identify(_report(pair.station, Side.CAMERA), pair.force.trust, now=NOW + 1)


def test_a_commissioned_device_does_not_take_the_trust_of_another_authority() -> None:
    pair, stranger = new_pair(), new_pair()
    station = Station(stranger.force, pair.taser, pair.camera)

    with pytest.raises(SessionError, match=Refusal.STATION):
        station.connect(Side.TASER)
    assert pair.taser.memory.trust == pair.force.trust


def test_a_device_that_slept_through_the_overlap_of_two_authority_keys_follows_the_chain() -> None:
    pair = new_pair()
    chain = pair.force.rotate()
    station = Station(pair.force, pair.taser, pair.camera)

    with pytest.raises(SessionError, match=Refusal.STATION):
        station.connect(Side.TASER)
    station.chain = chain
    station.connect(Side.TASER)

    assert pair.taser.memory.trust == pair.force.trust


def test_a_device_whose_peer_is_revoked_forgets_the_pairing() -> None:
    pair = new_pair()
    pair.station.pair()
    pair.force.revoke(pair.taser.memory.agreement.public.id)
    station = Station(pair.force, pair.taser, pair.camera)
    station.chain = ()
    station.connect(Side.CAMERA)
    assert pair.camera_holds

    assert station.ask(Side.CAMERA, SetTrust(pair.force.chain)) == Done()

    assert not pair.camera_holds
    assert pair.camera.memory.trust == pair.force.trust


def test_a_trust_that_is_older_changes_nothing_and_one_that_is_forged_is_refused() -> None:
    pair = new_pair()
    older = pair.force.chain
    pair.force.revoke(b"lost-cam")
    station = Station(pair.force, pair.taser, pair.camera)
    station.connect(Side.TASER)
    held = pair.taser.memory.trust

    assert station.ask(Side.TASER, SetTrust(older)) == Done()
    forged = replace(pair.force.trust, epoch=9).issue(PrivateKey.generate())
    assert _refused(station.ask(Side.TASER, SetTrust((forged,)))) == Refusal.TRUST
    assert _refused(station.ask(Side.TASER, SetTrust((b"",)))) == Refusal.TRUST

    assert pair.taser.memory.trust == held == pair.force.trust


def test_a_pairing_is_forgotten_on_the_services_order_and_stays_forgotten() -> None:
    pair = new_pair()
    pair.station.pair()
    (pairing,) = pair.taser_holds
    order = Unpair(pair.force.order(pairing))

    for side in Side:
        pair.station.connect(side)
        assert pair.station.ask(side, order) == Done()
        assert pair.station.ask(side, order) == Done()

    assert not pair.taser_holds
    assert not pair.camera_holds


def test_an_order_that_the_service_did_not_sign_is_refused() -> None:
    pair, stranger = new_pair(), new_pair()
    pair.station.pair()
    (pairing,) = pair.taser_holds
    pair.station.connect(Side.TASER)

    assert _refused(pair.station.ask(Side.TASER, Unpair(stranger.force.order(pairing)))) == Refusal.ORDER
    assert pair.taser_holds


def test_an_order_for_the_pairing_under_way_ends_it() -> None:
    pair = new_pair()

    def unpair(action: Action) -> Action:
        if isinstance(action, Ask) and action.side is Side.TASER and isinstance(action.request, Relay):
            order = pair.force.order(pair.force.permits[-1].id)
            assert pair.station.ask(Side.TASER, Unpair(order)) == Done()
        return action

    pair.station.before = unpair
    with pytest.raises(Interrupted, match=Refusal.NOT_EXPECTED):
        pair.station.pair()
    assert not pair.taser_holds


def test_an_order_for_another_pairing_leaves_the_one_under_way_alone() -> None:
    pair = new_pair()

    def unpair(action: Action) -> Action:
        if isinstance(action, Ask) and action.side is Side.TASER:
            assert pair.station.ask(Side.TASER, Unpair(pair.force.order(b"another pairing."))) == Done()
        return action

    pair.station.before = unpair
    pair.require_paired(pair.station.pair())


def test_a_second_station_is_told_to_wait_and_is_served_once_the_first_is_silent() -> None:
    pair = new_pair()
    pair.station.connect(Side.TASER)
    second = Station(pair.force, pair.taser, pair.camera)

    with pytest.raises(SessionError, match=Refusal.BUSY):
        second.connect(Side.TASER)
    assert _report(pair.station, Side.TASER)
    pair.taser.uptime_s += IDLE_S + 1
    second.connect(Side.TASER)

    with pytest.raises(SessionError, match=Refusal.BUSY):
        _report(pair.station, Side.TASER)


def test_the_same_taser_paired_twice_at_once_is_paired_once() -> None:
    pair = new_pair()
    other_camera = owner(CameraSide(pair.force.commission(Memory.new(Kind.CAMERA, "BW2-0009"))), replace(CAMERA_VITALS))
    second = Station(pair.force, pair.taser, other_camera)

    def try_the_other(action: Action) -> Action:
        with pytest.raises(Interrupted, match=Refusal.BUSY):
            second.pair()
        return action

    pair.station.before = try_the_other
    pair.require_paired(pair.station.pair())
    assert not other_camera.keys


def test_a_taser_holds_four_pairings_and_a_fifth_is_refused() -> None:
    pair = new_pair()
    for number in range(4):
        camera = owner(
            CameraSide(pair.force.commission(Memory.new(Kind.CAMERA, f"BW2-1{number}"))), replace(CAMERA_VITALS)
        )
        Station(pair.force, pair.taser, camera).pair()

    with pytest.raises(Interrupted, match=Refusal.FULL):
        pair.station.pair()
    assert len(pair.taser_holds) == 4


@pytest.mark.parametrize("kind", [Kind.TASER, Kind.MONITOR])
def test_a_monitor_takes_the_place_of_the_camera_and_that_of_the_taser(kind: Kind) -> None:
    force = Force()
    monitor = replace(CAMERA_VITALS, encryption=None)
    if kind is Kind.TASER:
        first = owner(TaserSide(force.commission(Memory.new(kind, "SP-1"))), TASER_VITALS)
        second = owner(CameraSide(force.commission(Memory.new(Kind.MONITOR, "MON-1"))), monitor)
    else:
        first = owner(TaserSide(force.commission(Memory.new(kind, "MON-1"))), monitor)
        second = owner(CameraSide(force.commission(Memory.new(Kind.CAMERA, "BW2-1"))), CAMERA_VITALS)
    station = Station(force, first, second)
    station.purpose = Purpose.PAIR if kind is Kind.TASER else Purpose.COMPANION

    Pair(force, first, second, station).require_paired(station.pair())


def test_a_monitor_is_no_taser() -> None:
    force = Force()
    first = owner(TaserSide(force.commission(Memory.new(Kind.MONITOR, "MON-1"))), replace(CAMERA_VITALS))
    second = owner(CameraSide(force.commission(Memory.new(Kind.CAMERA, "BW2-1"))), CAMERA_VITALS)

    with pytest.raises(Interrupted, match=Refusal.OTHER_DEVICES):
        Station(force, first, second).pair()


def test_a_pairing_is_agreed_when_a_beacon_of_it_is_heard() -> None:
    pair = new_pair()
    pair.station.wire = lambda side, way, data: (
        [] if (side, way, pair.taser.done["send"]) == (Side.TASER, "from", 6) else [data]
    )
    with pytest.raises(Interrupted):
        pair.station.pair()
    (prepared,) = pair.camera.memory.pairings
    assert prepared.standing is Standing.PREPARED
    assert isinstance(pair.camera.side, CameraSide)

    pair.camera.carry_out(pair.camera.side.heard(prepared.id))

    assert [one.standing for one in pair.camera.memory.pairings] == [Standing.AGREED]
    assert pair.camera.side.heard(prepared.id) == pair.camera.side.heard(b"?" * 16) == Step()


def test_a_request_for_the_application_is_passed_on_and_its_answer_sealed() -> None:
    pair = new_pair()
    session = pair.station.connect(Side.TASER)
    moment = Moment(pair.taser.uptime_s, pair.taser.vitals)
    step = pair.taser.side.receive(pair.station.link, session.ask(LogRequest(7, 2)), moment)

    assert step == Step(ask=LogRequest(7, 2))
    answer = pair.taser.side.answer(Entries((b"7", b"8"), 9)).send
    assert session.receive(answer or b"") == Entries((b"7", b"8"), 9)
    assert pair.taser.side.answer(Done()).send is None


def test_nothing_else_is_asked_while_the_application_has_not_answered() -> None:
    pair = new_pair()
    session = pair.station.connect(Side.TASER)
    pair.taser.receive(pair.station.link, session.ask(LogRequest(7, 2)))

    assert _refused(pair.station.ask(Side.TASER, ReportRequest(b""))) == Refusal.NOT_EXPECTED
    assert pair.taser.side.answer(Done()).send is None


def test_a_report_names_all_pairings_or_those_with_one_device() -> None:
    pair = new_pair()
    pair.station.pair()
    session = pair.station.connect(Side.TASER)

    def held(peer: bytes) -> int:
        answer = pair.station.ask(Side.TASER, ReportRequest(peer))
        assert isinstance(answer, Reported)
        return len(session.identify(answer, pair.force.trust, now=NOW).report.held)

    assert [held(b""), held(pair.camera.memory.agreement.public.id), held(b"somebody")] == [1, 1, 0]
    assert _refused(pair.station.ask(Side.TASER, ReportRequest(b"short"))) == Refusal.MALFORMED


def test_a_station_of_another_version_is_not_answered() -> None:
    pair = new_pair()
    hello = Hello(2, pair.station.credential, pair.station.chain)

    assert _failed(pair.taser.receive(pair.station.link, messages.encode(hello))) == Refusal.VERSION


# Where each state is reached from, so that every message can be sent in every state.
_INNER = [kind for kind in messages.NUMBERS if kind in get_args(messages.Request)]


def _sample(kind: type[Message]) -> Message:
    samples: dict[object, object] = {int: 1, bytes: b"x", str: "x", tuple[bytes, ...]: (b"x",)}
    hints = get_type_hints(kind)
    build: Callable[..., Message] = kind
    return build(*(samples[hints[item.name]] for item in fields(kind)))


@pytest.mark.parametrize("side", Side)
def test_a_message_that_has_no_row_in_a_state_is_refused_and_changes_nothing(side: Side) -> None:
    table, states = (TASER, TaserState) if side is Side.TASER else (CAMERA, CameraState)
    tried = 0
    for state in list(states)[list(states).index(states["OPEN"]) :]:
        for kind in _INNER:
            if (state, kind) in table:
                continue
            pair = new_pair()
            pair.station.pair()
            device = pair.station.owners[side]
            pair.station.connect(side)
            before = device.stored
            device.side.state = state

            assert _refused(pair.station.ask(side, _sample(kind))) == Refusal.NOT_EXPECTED
            assert (device.side.state, device.stored) == (states["OPEN"], before)
            tried += 1
    rows = sum(1 for state, _ in table if state.value >= states["OPEN"].value)
    assert tried == (len(states) - states["OPEN"].value + 1) * len(_INNER) - rows


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", messages.NUMBERS)
def test_before_the_session_is_open_nothing_but_the_handshake_is_answered(side: Side, kind: type[Message]) -> None:
    pair = new_pair()
    device = pair.station.owners[side]
    before = device.stored

    answer = device.receive(pair.station.link, messages.encode(_sample(kind)))

    assert _failed(answer) in {Refusal.MALFORMED, Refusal.NOT_EXPECTED, Refusal.STATION}
    assert device.stored == before


def test_a_session_is_over_after_anything_that_does_not_come_next() -> None:
    pair = new_pair()
    session = pair.station.connect(Side.TASER)

    with pytest.raises(SessionError):
        session.receive(b"\x00")
    assert session.state is SessionState.OVER
    with pytest.raises(SessionError):
        session.ask(ReportRequest(b""))
    with pytest.raises(SessionError):
        session.receive(messages.encode(Failure("x")))


def test_the_camera_counts_a_receipt_of_another_pairing_or_another_signer_for_nothing() -> None:
    pair, stranger = new_pair(), new_pair()
    pair.station.pair()
    stranger.station.pair()
    foreign = stranger.taser.memory.receipt(stranger.taser.memory.pairings[0])
    taser = pair.taser.memory
    forged = replace(taser, signing=PrivateKey.generate()).receipt(taser.pairings[0])
    changed = taser.receipt(replace(taser.pairings[0], start=1))
    pair.station.connect(Side.CAMERA)

    reasons = [_refused(pair.station.ask(Side.CAMERA, Receipt(one))) for one in (foreign, forged, changed, b"x")]

    assert reasons == [Refusal.NOT_PAIRED, Refusal.RECEIPT, Refusal.RECEIPT, Refusal.RECEIPT]


_REQUESTS = st.sampled_from(_INNER).flatmap(
    lambda kind: st.builds(
        kind,
        *(
            {int: st.integers(0, 2**53), bytes: st.binary(max_size=120), str: st.text(max_size=9)}.get(
                hint, st.lists(st.binary(max_size=60), max_size=3).map(tuple)
            )
            for hint in get_type_hints(kind).values()
        ),
    )
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(Side), st.lists(_REQUESTS | st.binary(max_size=100), min_size=1, max_size=6))
def test_whatever_an_authenticated_station_says_without_the_services_word_pairs_and_unpairs_nothing(
    side: Side, said: list[Message | bytes]
) -> None:
    pair = new_pair()
    pair.station.pair()
    device = pair.station.owners[side]
    before = device.stored
    session = pair.station.connect(side)
    for message in said:
        channel = session._channel
        assert channel is not None
        inner = message if isinstance(message, bytes) else messages.encode(message)
        answer = device.receive(pair.station.link, messages.encode(channel.seal(inner)))
        if answer is None or isinstance(messages.decode(answer), Failure):
            break

    assert device.stored == before
    pair.require_sound()


@given(st.sampled_from(Side), st.integers(0, 4), st.binary(max_size=120))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_garbage_on_the_link_ends_the_connection_and_changes_nothing(side: Side, after: int, data: bytes) -> None:
    pair = new_pair()
    device = pair.station.owners[side]
    before = device.stored
    if after:
        pair.station.connect(side)
    for _ in range(after - 1):
        _report(pair.station, side)

    assert _failed(device.receive(pair.station.link, data)) in {Refusal.MALFORMED, Refusal.STATION, Refusal.VERSION}
    assert device.stored == before
    pair.require_paired(pair.station.pair())
