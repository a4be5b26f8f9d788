"""The log of everything that happened: appended in the transaction of the change itself, never altered."""

from fleet.audit.events import Event, Subject
from fleet.audit.service import as_json, changes, plain, record, record_refusal

__all__ = ["Event", "Subject", "as_json", "changes", "plain", "record", "record_refusal"]
