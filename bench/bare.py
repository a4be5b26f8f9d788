"""One process of the bare statements: pairs on standard input, ``go``, and four connections that work at once."""

import json
import sys
import threading

from bench.client import in_threads
from bench.reference import Bare

THREADS = 4


def main() -> None:
    url = sys.argv[1]
    pairs = json.loads(sys.stdin.readline())
    connections = [Bare(url) for _ in range(THREADS)]
    print("ready", flush=True)
    sys.stdin.readline()

    def work(number: int) -> None:
        barrier.wait()
        for serial, collar in pairs[number::THREADS]:
            connections[number].issue(serial, collar)
            connections[number].take_back(serial)

    barrier = threading.Barrier(THREADS + 1)
    in_threads(THREADS, work, barrier)
    print("done", flush=True)
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main()
