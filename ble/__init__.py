"""Pairing and activation over Bluetooth: the protocol, the station, the monitor and the simulated devices.

Knows nothing of the service. ``ble.protocol`` is pure: no radio, no clock, no files; ``docs/protocol.md`` specifies it.
"""
