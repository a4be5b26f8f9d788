"""The register as files: CSV in, all or nothing, and CSV out, the same columns both ways."""

from fleet.transfer.engine import Outcome, load, loader
from fleet.transfer.export import export, record_export, stream
from fleet.transfer.kinds import KINDS
from fleet.transfer.problems import BadFile, Problem

__all__ = ["KINDS", "BadFile", "Outcome", "Problem", "export", "load", "loader", "record_export", "stream"]
