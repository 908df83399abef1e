"""Host: what is kept of every run, and how it is found and read again, whatever version has written it."""

from jaxsolve.records.compare import (
    COMPARED,
    Milestone,
    differences,
    flat_table,
    milestones,
    milestones_of,
    puzzle_names,
    shared_places,
)
from jaxsolve.records.files import numbered, to_json
from jaxsolve.records.folders import data_folder, find_run, new_folder, records_in
from jaxsolve.records.formats import FORMAT, UPGRADES, Upgrade
from jaxsolve.records.opening import opened
from jaxsolve.records.read import Record, is_amount, is_answer, is_count, read_record, share_words, summary
from jaxsolve.records.recorder import Recorder
from jaxsolve.records.trajectory import COLUMNS, trajectory

__all__ = [
    "COLUMNS",
    "COMPARED",
    "FORMAT",
    "UPGRADES",
    "Milestone",
    "Record",
    "Recorder",
    "Upgrade",
    "data_folder",
    "differences",
    "find_run",
    "flat_table",
    "is_amount",
    "is_answer",
    "is_count",
    "milestones",
    "milestones_of",
    "new_folder",
    "numbered",
    "opened",
    "puzzle_names",
    "read_record",
    "records_in",
    "share_words",
    "shared_places",
    "summary",
    "to_json",
    "trajectory",
]
