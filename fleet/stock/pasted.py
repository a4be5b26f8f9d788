"""What somebody pasted or read from a file: serials as scanners and spreadsheets write them."""

import re

from fleet.errors import Invalid

# Lines, and the separators of a spreadsheet's cells, quoted or not.
_BETWEEN = re.compile(r"[\s,;\"]+")
_BOM = "\ufeff"
# What a column of serials is headed with.
_HEADINGS = frozenset({"SERIAL", "SERIALS", "SCAN", "SCANS", "ASSET_TAG"})


def texts_of(typed: str, file: bytes) -> list[str]:
    """The identifiers in a paste and a file, in their order, doubled ones and all.

    Raises:
        Invalid: there are none, or the file is not text in UTF-8.
    """
    try:
        text = f"{typed}\n{file.decode()}"
    except UnicodeDecodeError as error:
        what = "This file is not text in UTF-8. Save it as CSV UTF-8."
        raise Invalid(what, fields={"file": [what]}) from error
    texts = [text for text in _BETWEEN.split(text.replace(_BOM, "")) if text]
    if texts and texts[0].upper() in _HEADINGS:
        texts = texts[1:]
    if not texts:
        what = "Paste serials, or choose a file of them."
        raise Invalid(what, fields={"paste": [what]})
    return texts
