"""The event loop in modelled time."""

import asyncio
import time

import pytest

from ble.air import loop as modelled
from ble.air.loop import ModelledLoop, Stalled, run


def test_an_hour_of_sleeping_takes_no_time_and_is_an_hour() -> None:
    async def main() -> float:
        await asyncio.gather(*(asyncio.sleep(second) for second in range(3600)))
        return asyncio.get_running_loop().time()

    start = time.monotonic()
    assert run(main()) == pytest.approx(3599)
    assert time.monotonic() - start < 5


def test_timers_fire_in_the_order_of_their_time() -> None:
    async def main() -> list[int]:
        seen: list[int] = []
        loop = asyncio.get_running_loop()
        for number, after in enumerate([0.3, 0.1, 0.2, 0.15, 0.25]):
            loop.call_later(after, seen.append, number)
        await asyncio.sleep(1)
        return seen

    assert run(main()) == [1, 3, 2, 4, 0]


def test_a_timeout_is_one_of_modelled_seconds() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000):
                await asyncio.get_running_loop().create_future()
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(1000)


def test_with_a_pace_it_keeps_step_with_the_wall() -> None:
    async def main() -> float:
        await asyncio.sleep(2)
        return asyncio.get_running_loop().time()

    start = time.monotonic()
    assert 2 <= run(main(), pace=10) < 4
    assert 0.19 <= time.monotonic() - start < 1


def test_another_threads_answer_comes_before_the_clock_moves_when_nothing_is_due() -> None:
    async def main() -> tuple[int, float]:
        answer = await asyncio.to_thread(lambda: 42)
        return answer, asyncio.get_running_loop().time()

    assert run(main()) == (42, 0.0)


def test_waiting_for_what_cannot_come_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelled, "STALLED_AFTER_S", 0.05)
    loop = ModelledLoop()
    try:
        with pytest.raises(Stalled):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


@pytest.mark.parametrize("pace", [0.0, -1.0])
def test_a_pace_is_above_zero(pace: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        run(asyncio.sleep(0), pace=pace)
