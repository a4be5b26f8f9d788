"""What an officer takes away from a visit: as text for a letter, and as a page of PDF."""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.graphics.shapes import Drawing, Path
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from fleet.visits.models import Method
from fleet.visits.signature import HEIGHT, WIDTH

_LOCAL = ZoneInfo("Europe/London")
_SIGNATURE_MM = 75
_HOW = {
    Method.PIN: "by the officer’s own PIN",
    Method.SIGNATURE: "by the officer’s signature",
    Method.ATTESTATION: "by the clerk, in the officer’s place",
}
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=14)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=9, leading=12)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=18, leading=24, spaceAfter=10)


def when(instant: datetime | None) -> str:
    """An instant in local time, to the minute."""
    return "" if instant is None else f"{instant.astimezone(_LOCAL):%d %B %Y, %H:%M}".lstrip("0")


def facts(visit: Mapping[str, Any], when: Callable[[datetime], str] = when) -> Iterator[tuple[str, str]]:
    """What a receipt says of a visit beside the cameras: label and text. ``when`` writes its instants."""
    yield "Officer", " ".join(part for part in (visit["collar"], visit["name"]) if part)
    yield "Visit", visit["id"]
    yield "Begun", when(visit["begun_at"])
    yield "Issued by", _clerk(visit["clerk"])
    if visit["method"] is None:
        yield "Acknowledged", "not yet"
        return
    yield "Acknowledged", f"{when(visit['at'])}, {_HOW[visit['method']]}"
    if visit["reason"]:
        yield "Why not by the officer", visit["reason"]
    yield "Clerk then", _clerk(visit["acknowledged_by"])
    if visit["terms_version"] is not None:
        yield "Terms of use shown", f"version {visit['terms_version']}, SHA-256 {visit['terms_sha256']}"
    yield "Entry in the log", str(visit["entry_id"])


def _clerk(actor: str) -> str:
    return actor.removeprefix("account:")


def _issues(visit: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in visit["issued"]:
        due = "undone" if one["undone"] else when(one["due_back"]) or "no end"
        tag, entry = one["asset_tag"] or "", str(one["entry"] or "")
        yield one["serial"], tag, str(one["kind"]), when(one["issued_at"]), due, entry


def text(visit: Mapping[str, Any]) -> str:
    """The receipt as the text of a letter."""
    lines = ["What was issued to you at the equipment store:", ""]
    for serial, tag, kind, issued, due, entry in _issues(visit):
        name = f"{serial} ({tag})" if tag else serial
        lines.append(f"- {name}, {kind}, issued {issued}, due back: {due}, log entry {entry}")
    lines += ["", *(f"{label}: {said}" for label, said in facts(visit)), ""]
    lines.append("If this is not right, tell the equipment store: it is then noted beside this receipt.")
    return "\n".join(lines) + "\n"


def pdf(visit: Mapping[str, Any], *, now: datetime) -> bytes:
    """The receipt as a page of A4, more where a visit had many cameras."""
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        title=f"Receipt {visit['id']}",
        author="Camera fleet",
        lang="en-GB",
    )
    document.build([*_story(visit), Paragraph(f"Printed {when(now)}.", _CELL)])
    return made.getvalue()


def _story(visit: Mapping[str, Any]) -> Iterator[Flowable]:
    yield Paragraph("Receipt for equipment", _TITLE)
    rows = [[_said(label, "<b>%s</b>"), _said(told)] for label, told in facts(visit)]
    yield Table(rows, colWidths=[45 * mm, 125 * mm], style=_ruled())
    yield Spacer(0, 8 * mm)
    head = [_said(label, "<b>%s</b>") for label in ("Camera", "Asset tag", "Kind", "Issued", "Due back", "Log entry")]
    body = [[_said(told) for told in issue] for issue in _issues(visit)]
    widths = [32 * mm, 30 * mm, 20 * mm, 35 * mm, 35 * mm, 18 * mm]
    yield Table([head, *body], colWidths=widths, style=_ruled(), repeatRows=1)
    yield Spacer(0, 8 * mm)
    if visit["strokes"]:
        yield Paragraph("Signature", _BODY)
        yield _signature(visit["strokes"])
    for dispute in visit["disputes"]:
        told = f"Disputed {when(dispute['at'])} by {_clerk(dispute['actor'])} (log entry {dispute['id']}): "
        yield _said(told + dispute["note"])


def _said(told: str, form: str = "%s") -> Paragraph:
    # Text is text: a paragraph would otherwise read mark-up in a name or a reason.
    return Paragraph(form % escape(told), _CELL)


def _ruled() -> TableStyle:
    return TableStyle(
        [("LINEBELOW", (0, 0), (-1, -1), 0.5, colors.HexColor("#b1b4b6")), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    )


def _signature(strokes: list[list[list[int]]]) -> Drawing:
    scale = _SIGNATURE_MM * mm / WIDTH
    drawing = Drawing(WIDTH * scale, HEIGHT * scale)
    path = Path(strokeColor=colors.black, strokeWidth=1.2, fillColor=None, strokeLineCap=1, strokeLineJoin=1)
    for first, *rest in strokes:
        path.moveTo(first[0] * scale, (HEIGHT - first[1]) * scale)
        for x, y in rest or [first]:
            path.lineTo(x * scale, (HEIGHT - y) * scale)
    drawing.add(path)
    return drawing
