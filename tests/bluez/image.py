"""The kernel and what it starts from: an initial file system with a shell, the modules in their order, and a script."""

import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from tests.bluez.packages import Unavailable

# What the root comes by; then what pairing takes: a random number generator (drbg, over SHA-512 and AES-CTR), P-256
# (ecdh_generic) and AES-CMAC (cmac), by name, since nothing in the guest answers the kernel when it asks for a module,
# and without them pairing reports success and the link is not encrypted. At last the virtual controller.
MODULES = (
    *("virtio_pci", "9p", "9pnet_virtio", "overlay"),
    *("ctr", "sha512_generic", "drbg", "cmac", "ecdh_generic"),
    "hci_vhci",
)

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def kernel_of(unpacked: Path) -> Path:
    """The kernel's image in an unpacked package."""
    return next((unpacked / "boot").glob("vmlinuz-*"))


def initial_files(unpacked: Path, shell: Path, script: Path, command: str) -> bytes:
    """A cpio archive (the kernel's "newc") whose ``/init`` is ``script``, which at its end runs ``command``."""
    files = {
        "init": script.read_bytes(),
        "command": command.encode(),
        "bin/busybox": (shell / "usr" / "bin" / "busybox").read_bytes(),
    }
    for number, (name, module) in enumerate(_in_order(unpacked / "usr" / "lib" / "modules")):
        files[f"modules/{number:02}-{name}.ko"] = module
    folders = ["bin", "modules", "dev", "proc", "sys", "host", "over", "memory", "system"]
    return _cpio(folders, files)


def _in_order(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every module needed, each behind those that it depends on; built into the kernel are those without a file."""
    builtin = {_name(Path(line)) for line in next(folder.glob("*/modules.builtin")).read_text().split()}
    paths = {_name(path): path for path in folder.rglob("*.ko*")}
    loaded = set(builtin)

    def load(name: str) -> Iterator[tuple[str, bytes]]:
        if name in loaded:
            return
        loaded.add(name)
        if name not in paths:
            raise Unavailable(f"the kernel has no module {name}")
        content = _read(paths[name])
        for needed in _needs(content):
            yield from load(needed)
        yield name, content

    for name in MODULES:
        yield from load(name)


def _needs(module: bytes) -> list[str]:
    found = _DEPENDS.search(module)
    return [name.decode().replace("-", "_") for name in found[1].split(b",") if name] if found else []


def _read(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _name(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")


def _cpio(folders: list[str], files: dict[str, bytes]) -> bytes:
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o100755, content) for name, content in files.items()]
    archive = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, start=1))
    return archive + _entry(0, "TRAILER!!!", 0, b"")


def _entry(inode: int, name: str, mode: int, content: bytes) -> bytes:
    ended = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device major and minor, represented device's two, name's size, checksum
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(ended), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + ended) + _padded(content)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
