"""The station on a real BlueZ: a small Debian system under QEMU, with the kernel's virtual Bluetooth controller.

``python -m tests.bluez`` (``make test-bluez``) makes the guest and boots it; ``tests.bluez.guest`` runs inside. The
guest sees this machine's whole root, read-only, so it runs the same Python and the same code; Debian's packages that
the machine lacks are unpacked into a folder and laid over that root.
"""
