"""The counter's page without a line: a service worker keeps it, and all that it is made of, in the browser.

What is kept is the same for everybody: a page without a name, a token or anything of the register. Its version is a
hash of every part, and stands in the parts' addresses, so that no page is ever put together from two versions.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path

from flask import Blueprint, Response, current_app
from werkzeug.exceptions import NotFound

from fleet.web import public, service

pages = Blueprint("counter_shell", __name__)
WORKER = "counter-worker.js"
# What the counter's modules import beside one another.
_IMPORTED = ("sending.mjs", "sound.mjs")
# What every page loads beside the counter's own modules.
_SHARED = (
    "fleet.css",
    "fleet.mjs",
    "govuk-frontend.min.js",
    "moj-frontend.min.js",
    "htmx.min.js",
    "supported.js",
    "favicon.svg",
)
_SCRIPT = "text/javascript; charset=utf-8"
_FOREVER_S = 365 * 86_400


class Parts:
    """The files that the page is made of, as they are when the first of them is asked for."""

    def __init__(self, folder: Path, templates: Path) -> None:
        self._folder = folder
        self._templates = templates

    @cached_property
    def own(self) -> list[str]:
        """The counter's modules."""
        return sorted([*_IMPORTED, *(path.name for path in self._folder.glob("counter*.mjs"))])

    @cached_property
    def version(self) -> str:
        """A hash of everything that the page without a line consists of."""
        digest = hashlib.blake2b(digest_size=8)
        files = [self._folder / name for name in (*self.own, *_SHARED, WORKER)]
        shown = ("base.html", "counter/counter.html", "visits/acknowledge.html")
        for path in (*files, *(self._templates / name for name in shown)):
            digest.update(hashlib.blake2b(path.read_bytes()).digest() if path.is_file() else b"none")
        return digest.hexdigest()


def parts() -> Parts:
    """The parts of the running service's page."""
    kept: dict[str, Parts] = current_app.extensions
    if "counter_parts" not in kept:
        root = Path(service().root_path)
        kept["counter_parts"] = Parts(Path(service().static_folder or ""), root.parent / "templates")
    return kept["counter_parts"]


def asset_url(name: str) -> str:
    """Where one of the counter's modules is, in this version."""
    return f"/counter/assets/{parts().version}/{name}"


@pages.get("/counter/assets/<version>/<name>")
@public
def asset(version: str, name: str) -> Response:
    """One of the counter's modules. It never changes: another version has another address."""
    if version != parts().version or name not in parts().own:
        raise NotFound
    response = Response(Path(service().static_folder or "", name).read_bytes(), content_type=_SCRIPT)
    response.headers["Cache-Control"] = f"public, max-age={_FOREVER_S}, immutable"
    return response


@pages.get(f"/{WORKER}")
@public
def worker() -> Response:
    """The service worker, which begins with what it is to keep."""
    kept = ["/counter/shell", *(asset_url(name) for name in parts().own), *(f"/static/{name}" for name in _SHARED)]
    begins = f"const VERSION = {json.dumps(parts().version)};\nconst KEPT = {json.dumps(kept)};\n"
    script = Path(service().static_folder or "", WORKER).read_text(encoding="utf-8")
    return Response(begins + script, content_type=_SCRIPT)
