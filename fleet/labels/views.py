"""``/labels``."""

import dataclasses
import io

from flask import Response

from fleet.api import Blueprint
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.labels import schemas, service
from fleet.labels.service import Wanted
from fleet.web import allow, caller
from fleet.web import service as running

labels = Blueprint("labels", __name__, description="Labels with barcodes, as PDF")


@labels.route("/labels", methods=["POST"])
@allow(Permission.CAMERA_VIEW)
@labels.arguments(schemas.LabelsWanted)
@labels.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
def print_labels(wanted: Wanted) -> Response:
    """Labels of what the filters of a list find, or of what is named: at most 5,000, on sheets or a roll."""
    return printed(wanted)


def printed(wanted: Wanted) -> Response:
    """The labels as a file. Five thousand are about a megabyte."""
    wanted = dataclasses.replace(wanted, force=running().fleet_settings.force_name)
    made = io.BytesIO()
    service.print_labels(*caller(), wanted, made, now=utc_now())
    response = Response(made.getvalue(), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="labels-{wanted.what}.pdf"'
    return response
