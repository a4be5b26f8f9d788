"""Connections on the link: order, latency, retransmission, reach and the supervision timeout."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bumble.device import Connection

from ble.air.link import AirLink
from ble.air.loop import run
from ble.air.radio import Radio
from ble.air.stack import AirDevice, power_on
from tests.ble.air.stacks import advertise

CHANNEL = 0x0066
INTERVAL_S = 0.015
TIMEOUT_S = 0.720


class Joined:
    """Two connected stacks, and what arrived at the second on a channel of its own."""

    def __init__(self, link: AirLink, central: AirDevice, peripheral: AirDevice, connection: Connection) -> None:
        self.link, self.central, self.peripheral, self.connection = link, central, peripheral, connection
        self.arrived: list[tuple[float, bytes]] = []
        self.lost: list[tuple[str, int, float]] = []
        loop = asyncio.get_running_loop()
        peripheral.l2cap_channel_manager.register_fixed_channel(
            CHANNEL, lambda _, pdu: self.arrived.append((loop.time(), pdu))
        )
        for device in (central, peripheral):
            for one in device.connections.values():
                name = device.controller.name
                one.on("disconnection", lambda reason, who=name: self.lost.append((who, reason, loop.time())))

    def send(self, data: bytes) -> None:
        self.connection.send_l2cap_pdu(CHANNEL, data)


def joined(story: Callable[[Joined], Awaitable[None]], *, loss: float = 0.0) -> None:
    async def main() -> None:
        link = AirLink(seed=3)
        central, peripheral = await power_on(link, "central"), await power_on(link, "peripheral", at=(1.0, 0.0))
        await advertise(peripheral)
        connection = await central.connect_le(peripheral.random_address, timeout=2)
        await asyncio.sleep(0.1)
        link.tune(Radio(loss=loss))
        await story(Joined(link, central, peripheral, connection))

    run(main())


def test_data_goes_with_the_next_connection_event_and_keeps_its_order() -> None:
    async def story(pair: Joined) -> None:
        start = asyncio.get_running_loop().time()
        sent = [bytes([number]) * (1 + 7 * number) for number in range(30)]
        for one in sent:
            pair.send(one)
        await asyncio.sleep(1)
        assert [data for _, data in pair.arrived] == sent
        assert 0 < pair.arrived[0][0] - start <= INTERVAL_S + 0.001
        assert pair.arrived[-1][0] - start < 2 * INTERVAL_S + 0.05

    joined(story)


def test_what_is_lost_is_sent_again_an_interval_later_until_it_arrives() -> None:
    async def story(pair: Joined) -> None:
        loop = asyncio.get_running_loop()
        delays = []
        for number in range(300):
            start = loop.time()
            pair.send(number.to_bytes(2, "big"))
            await asyncio.sleep(0.7)
            delays.append(pair.arrived[-1][0] - start)
        assert [int.from_bytes(data, "big") for _, data in pair.arrived] == list(range(300))
        # Half an interval to the next event on average, and one more for each of loss / (1 − loss) failures.
        assert sum(delays) / len(delays) == pytest.approx(INTERVAL_S * (0.5 + 1.0), abs=0.004)

    joined(story, loss=0.5)


def test_out_of_reach_both_ends_lose_the_connection_after_the_supervision_timeout() -> None:
    async def story(pair: Joined) -> None:
        start = asyncio.get_running_loop().time()
        pair.link.move("peripheral", 30.0, 0.0)
        pair.send(b"lost")
        await asyncio.sleep(2)
        assert {who for who, _, _ in pair.lost} == {"central", "peripheral"}
        assert all(reason == 0x08 and at - start == pytest.approx(TIMEOUT_S) for _, reason, at in pair.lost)
        assert not pair.arrived
        assert not pair.link.wires.between("central", "peripheral")

    joined(story)


def test_back_in_reach_in_time_nothing_was_lost() -> None:
    async def story(pair: Joined) -> None:
        pair.link.move("peripheral", 30.0, 0.0)
        for number in range(5):
            pair.send(bytes([number]))
        await asyncio.sleep(0.5)
        assert not pair.arrived
        pair.link.move("peripheral", 1.0, 0.0)
        await asyncio.sleep(2)
        assert [data for _, data in pair.arrived] == [bytes([number]) for number in range(5)]
        assert not pair.lost

    joined(story)


def test_without_power_the_other_end_times_out_and_a_new_device_of_the_name_does_not_keep_it_alive() -> None:
    async def story(pair: Joined) -> None:
        pair.peripheral.lose_power()
        await asyncio.sleep(0.3)
        await power_on(pair.link, "peripheral", at=(1.0, 0.0))
        await asyncio.sleep(1)
        assert [who for who, _, _ in pair.lost if who == "central"] == ["central"]

    joined(story)


def test_a_cut_ends_it_at_once_at_both_ends() -> None:
    async def story(pair: Joined) -> None:
        assert pair.link.wires.cut("central") == 1
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert {who for who, _, _ in pair.lost} == {"central", "peripheral"}
        assert pair.link.wires.cut("central") == 0

    joined(story)


def test_a_dead_channel_is_a_lost_connection() -> None:
    async def story(pair: Joined) -> None:
        pair.link.tune(Radio(loss=1.0))
        pair.send(b"never")
        await asyncio.sleep(2)
        assert len(pair.lost) == 2
        assert not pair.arrived

    joined(story)
