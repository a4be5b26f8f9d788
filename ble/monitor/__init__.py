"""The monitor: a vehicle's or custody suite's computer that hears activations and starts its companion cameras.

It is commissioned like a device, is one of a Taser's four pairings with keys of its own, and tells the service at once.
Its adapter only ever connects to others, so it is its own station: the protocol's other end runs in this process.
"""
