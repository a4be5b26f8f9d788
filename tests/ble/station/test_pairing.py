"""Pairing at an armoury, over whole Bluetooth stacks in modelled time."""

import asyncio
from pathlib import Path

from ble.station.service import JobKind
from tests.ble.station.armoury import Armoury, in_armoury


def test_a_pair_is_paired_and_tested_within_five_seconds(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        number = armoury.force.job(JobKind.PAIR, **armoury.about())
        await armoury.show()
        armoury.arc_when_asked()
        began = asyncio.get_running_loop().time()
        await armoury.station.turn()
        took = asyncio.get_running_loop().time() - began
        await armoury.station.courier.deliver()
        print(took, armoury.force.story(number), armoury.force.ends, armoury.force.steps)
        assert armoury.force.ends[number]["outcome"] == "done"
        assert armoury.force.tested == armoury.force.agreed == {armoury.force.permits[0].id}
        assert took < 5

    in_armoury(tmp_path / "station", story)
