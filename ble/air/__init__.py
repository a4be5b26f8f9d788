"""The air between devices: the radio's physics, a link for whole Bluetooth stacks in modelled time, and bleak on it."""
