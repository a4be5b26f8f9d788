"""The log of everything that happened: appended in the transaction of the change itself, never altered."""

from fleet.audit.events import Event, Subject
from fleet.audit.service import Entry, as_json, changes, plain, record, record_many, record_refusal, write

__all__ = [
    "Entry",
    "Event",
    "Subject",
    "as_json",
    "changes",
    "plain",
    "record",
    "record_many",
    "record_refusal",
    "write",
]
