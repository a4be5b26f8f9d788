"""Simulated Taser and camera: behaviour as pure state machines, and the same on whole Bluetooth stacks.

Behaviour takes the true time as an argument (milliseconds since 1970 UTC) and keeps its own idea of it in ``Clock``.
"""
