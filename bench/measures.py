"""Each measure over HTTP: a camera, a list, issue and return, the counter."""

import json
import statistics
import subprocess
import sys
import time

import httpx

from bench import client, register
from bench.figures import CONNECTIONS, RUNS, Figure, alternate, figure, rate
from bench.served import Bench
from fleet.actors import Role
from tests.accounts import cookie_of, new_account
from tests.live import ROOT

# Nine characters and Enter, at the 8 ms a key of a common scanner: the least that lies between two scans.
TYPING_S = 0.08
LIST = "list of 50 by site and custody"


def spread_over(size: int, count: int) -> list[int]:
    """``count`` camera numbers, scattered over a register."""
    return [number * 104_729 % size for number in range(count)]


def queues(requests: list[client.Request]) -> list[list[client.Request]]:
    return [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]


def get_camera(bench: Bench) -> Figure:
    serials = [register.serial(number) for number in spread_over(bench.size, 2_000)]
    ours = queues([client.request("GET", f"/api/v1/cameras/{serial}", bench.headers) for serial in serials])
    theirs = queues([client.request("GET", f"/cameras/{serial}", bench.headers) for serial in serials])
    measured = alternate(
        lambda: client.load(bench.server.port, ours, 200).rate,
        lambda: client.load(bench.reference_port, theirs, 200).rate,
    )
    return rate("camera GET", bench.size, measured, share=0.5)


def list_cameras(bench: Bench) -> Figure:
    sites = max(10, bench.size // 1_000)
    addresses = [f"/api/v1/cameras?site=S{n * 31 % sites:05d}&custody=in_stock" for n in range(200)]
    wanted = [[client.request("GET", address, bench.headers) for address in addresses]]
    client.load(bench.server.port, wanted, 200)
    loads = [client.load(bench.server.port, wanted, 200) for _ in range(RUNS)]
    seconds = [statistics.median(load.latencies) * 1_000 for load in loads]
    return figure(LIST, bench.size, "ms, median", seconds, reach="see the ratio", met=lambda _: True)


def list_ratio(figures: list[Figure]) -> Figure:
    """How much longer the list takes in the large register."""
    small, large = (one for one in figures if one.name == LIST)
    reach = "at most 1.5 times its time at 10,000"
    ratio = [large.ours / small.ours]
    return figure("list of 50, large to small", large.size, "times", ratio, reach=reach, met=lambda value: value <= 1.5)


def issue_and_return(bench: Bench) -> Figure:
    count = 400
    # Cameras that are in stock, and as many officers.
    numbers = [number for number in spread_over(bench.size, count * 2) if number % 97][:count]
    pairs = [(register.serial(number), register.collar(place)) for place, number in enumerate(numbers)]
    wanted: list[list[client.Request]] = [[] for _ in range(CONNECTIONS)]
    for place, (serial, collar) in enumerate(pairs):
        at = f"/api/v1/cameras/{serial}"
        body = {"collar": collar, "kind": "pool"}
        wanted[place % CONNECTIONS] += [
            client.request("POST", f"{at}/issue", bench.headers, body),
            client.request("POST", f"{at}/return", bench.headers, {"condition": "good"}),
        ]
    measured = alternate(
        lambda: client.load(bench.server.port, wanted, (200, 201)).rate, lambda: bare_rate(bench, pairs)
    )
    return rate("issue and return", bench.size, measured, share=0.4, unit="acts a second")


def bare_rate(bench: Bench, pairs: list[tuple[str, str]]) -> float:
    """Acts a second of the bare statements, in as many processes and connections as the service has."""
    command = [sys.executable, "-m", "bench.bare", bench.databases.application]
    halves = [pairs[::2], pairs[1::2]]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in halves
    ]
    for process, half in zip(processes, halves, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps(half) + "\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
    seconds = time.perf_counter() - began
    for process in processes:
        process.communicate()
    return 2 * len(pairs) / seconds


def counter(bench: Bench) -> Figure:
    """The 95th percentile of the time from a scan's request to its answer, at four counters at once."""
    counters = [_counter_headers(bench) for _ in range(4)]
    percentiles = []
    for run in range(RUNS + 1):
        wanted = [_shift(bench, headers, run * 4 + place) for place, headers in enumerate(counters)]
        latencies = client.load(bench.server.port, wanted, 200, pause_s=TYPING_S).latencies
        percentiles.append(statistics.quantiles(latencies, n=20)[18] * 1_000)
    name, unit = "counter's answer, 4 counters without a break", "ms, 95th percentile"
    return figure(name, bench.size, unit, percentiles[1:], reach="under 50 ms", met=lambda value: value < 50)


def _counter_headers(bench: Bench) -> dict[str, str]:
    """What a signed-in counter's page sends with every scan."""
    cookie = cookie_of(bench.app, new_account(bench.app, Role.STORE))
    name = cookie["name"]
    answer = httpx.get(f"{bench.server.url}/counter", headers={"Cookie": f"{name}={cookie['value']}"})
    page = answer.text
    # The page's token is bound to a secret that the renewed cookie holds.
    sent = f"{name}={answer.cookies.get(name) or cookie['value']}"
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    return {"Cookie": sent, "X-CSRFToken": token, "Accept": "application/json"}


def _shift(bench: Bench, headers: dict[str, str], place: int) -> list[client.Request]:
    """Fifty officers: officer's scan, camera's scan, and later the camera's return. No two places share any."""
    requests = []
    for step in range(50):
        number = _in_stock(place * 50 + step, bench.size)
        officer = register.collar(1_000 + (place % 4) * 50 + step)
        for scan, state in (
            (officer, {}),
            (register.serial(number), {"officer": officer, "mode": "pool"}),
            (register.serial(number), {"mode": "return"}),
        ):
            requests.append(client.request("POST", "/counter/scans", headers, {"scan": scan, "state": state}))
    return requests


def _in_stock(place: int, size: int) -> int:
    """The ``place``-th camera number from the register's end that is in stock and no loan of another measure's."""
    number = size - 1 - place * 2
    return number - 1 if number % 97 == 0 else number
