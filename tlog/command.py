"""``python -m tlog``: what an auditor runs on a machine of their own."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tlog.examine import Result, examine
from tlog.export import ExportError, Header
from tlog.follow import Rewritten, Server, Unreachable, follow
from tlog.kept import Copy, KeptError, read_checkpoints
from tlog.note import Verifier

SOUND, WRONG, UNUSABLE, INCONCLUSIVE = 0, 1, 2, 3
_SAID_AT_MOST = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and answer its exit code."""
    wanted = _parser().parse_args(arguments)
    try:
        code: int = wanted.run(wanted)
    except (ExportError, KeptError, OSError, UnicodeError) as error:
        print(_plain(error), file=sys.stderr)
        return UNUSABLE
    return code


def _plain(text: object) -> str:
    """What somebody else's file says, as one line that does nothing to a terminal but stand there."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in str(text))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tlog",
        description="Prove from outside that a log was only ever added to.",
        epilog="Ends with 0: sound; 1: not sound, the first wrong entry is named; 2: cannot be checked; "
        "3: in itself sound, but nothing kept outside could be compared with it.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="check an exported range, without server or database")
    verify.add_argument("export", help="the file; - is standard input")
    verify.add_argument("--checkpoints", nargs="+", type=Path, default=[], metavar="PLACE", help="files or folders")
    verify.add_argument("--followed", type=Path, metavar="FOLDER", help="a copy that the command follow keeps")
    verify.set_defaults(run=_verify)
    following = commands.add_parser("follow", help="keep a copy of a log's hashes and checkpoints")
    following.add_argument("url", help="the log's address: https://HOST/api/v1/audit")
    following.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the copy is kept")
    following.add_argument("--token-file", type=Path, help="a file with the bearer token; else it is in TLOG_TOKEN")
    following.add_argument("--every", type=float, metavar="SECONDS", help="go on for ever")
    following.set_defaults(run=_follow)
    for command in (verify, following):
        command.add_argument("--key", action="append", required=True, type=_key, help="a key that the log signs with")
        command.add_argument("--origin", help="the log's name, if any other is to be refused")
    return parser


def _key(text: str) -> Verifier:
    try:
        return Verifier.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a key {error}") from error


def _verify(wanted: argparse.Namespace) -> int:
    copy = Copy(wanted.followed) if wanted.followed else None
    places = [*wanted.checkpoints, *([copy.checkpoints] if copy and copy.checkpoints.exists() else [])]
    with Path("/dev/stdin" if wanted.export == "-" else wanted.export).open(encoding="utf-8", newline="\n") as file:
        first = file.readline()
        origin = Header.parse(first).origin
        if wanted.origin not in {None, origin}:
            raise ExportError(f"This is an export of the log {origin!r}, not of {wanted.origin!r}.")
        kept = read_checkpoints(places, wanted.key, origin)
        return _tell(examine(chain([first], file), kept, wanted.key, copy=copy))


def _tell(result: Result) -> int:
    for problem in result.problems[:_SAID_AT_MOST]:
        print(f"WRONG: {_plain(problem)}")
    if result.wrong > _SAID_AT_MOST:
        print(f"… and {result.wrong - _SAID_AT_MOST:,} more.")
    header, count = result.header, len(result.compared)
    print(f"{_plain(header.origin)}: places {header.first:,} to {header.last:,} of {header.size:,}.")
    print(
        f"{result.entries:,} entries read, {result.erased:,} erased by law in part, "
        f"{result.unproven:,} not proven yet; compared with {count:,} {'sizes' if count != 1 else 'size'} kept outside."
    )
    if result.wrong:
        return WRONG
    # A checkpoint vouches for the places before its size, and for none behind.
    covered = min(max(result.compared, default=0), header.last)
    if not result.compared or covered <= header.first < header.last:
        print("In itself it is sound. Nothing kept outside could be compared with it, and that alone proves nothing.")
        return INCONCLUSIVE
    if covered < header.last:
        print(
            f"Sound up to place {covered - 1:,}: not one entry was changed, removed or reordered since it was signed."
        )
        print(f"Nothing kept outside is about the places {covered:,} to {header.last - 1:,} yet.")
        return INCONCLUSIVE
    print("Sound: not one of these entries was changed, removed or reordered since those were signed.")
    return SOUND


def _follow(wanted: argparse.Namespace) -> int:
    token = wanted.token_file.read_text("ascii").strip() if wanted.token_file else os.environ.get("TLOG_TOKEN")
    server, copy = Server(wanted.url, token), Copy(wanted.to)
    while True:
        try:
            checkpoint = follow(server, copy, wanted.key, wanted.origin)
            print(f"{_plain(checkpoint.origin)}: followed up to {checkpoint.size:,} entries.", flush=True)
        except Rewritten as error:
            print(f"WRONG: {_plain(error)}")
            return WRONG
        except Unreachable as error:
            print(_plain(error), file=sys.stderr, flush=True)
            if wanted.every is None:
                return UNUSABLE
        if wanted.every is None:
            return SOUND
        time.sleep(wanted.every)


def run() -> None:
    """The whole program."""
    sys.exit(main())
