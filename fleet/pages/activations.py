"""``/activations``: every use of a Taser that anybody reported, and whether it was filmed."""

from flask import Blueprint, render_template

from fleet.auth.permissions import Permission
from fleet.capture import service
from fleet.capture.views import ActivationQuery
from fleet.pages.listing import Column, Listing
from fleet.web import allow, caller

pages = Blueprint("activations_pages", __name__)

Listing(
    path="/activations", title="Activations", one="activation", many="activations", view=Permission.ACTIVATION_VIEW,
    query=ActivationQuery, find=service.find, count=service.count, sorts=list(service.SORTS), descending=True,
    search="Serial of the SPPM",
    columns=[
        Column("at", "When", show="when", to="activation", by="id"), Column("kind", show="word"),
        Column("taser", to="taser"), Column("sppm"), Column("counter"), Column("outcome", "Filmed", show="outcome"),
        Column("received_at", "Reported", show="when"),
    ],
    exported=["id", "taser", "sppm", "counter", "kind", "at", "outcome", "received_at"],
    empty="Monitors report them at once, stations when they read a Taser’s log.",
).add_to(pages)  # fmt: skip


@pages.get("/activations/<int:number>")
@allow(Permission.ACTIVATION_VIEW)
def activation(number: int) -> str:
    """One activation with each source’s account of it."""
    session, _ = caller()
    return render_template("armoury/activation.html", activation=service.get(session, number))
