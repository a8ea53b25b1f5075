"""A diagnosis as plain values, for reports, terminals and JSON."""

from __future__ import annotations

from typing import Any

from fedwhy.diagnosis.cause import page_of
from fedwhy.diagnosis.diagnose import Diagnosis
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Change, Finding, Settings
from fedwhy.errors import FedwhyError


def record_of(diagnosis: Diagnosis, name: str = "") -> dict[str, Any]:
    """All that a report draws, ready for JSON."""
    setup, evidence = diagnosis.setup, diagnosis.evidence
    central, repaired = diagnosis.central, diagnosis.repaired_run
    return {
        "name": name or setup.clients.name,
        "verdict": diagnosis.verdict,
        "measure": diagnosis.scores.measure,
        "findings": [finding_record(found, setup.settings) for found in diagnosis.findings],
        "probes": [probe._asdict() for probe in diagnosis.probes],
        "rounds": diagnosis.rounds,
        "baseline_accuracy": diagnosis.baseline_accuracy,
        "centralised_accuracy": diagnosis.centralised_accuracy,
        "repaired_accuracy": diagnosis.repaired_accuracy,
        "error": evidence.error,
        "seconds": diagnosis.seconds,
        "history": list(evidence.history or ()),
        "central_history": [] if central is None else list(central.history),
        "repaired_history": [] if repaired is None else list(repaired.history),
        "partition": partition(diagnosis),
        "updates": None if evidence.updates is None else angles(evidence.updates[1]),
        "settings": {table: dict(values) for table, values in setup.settings.items()},
    }


def finding_record(finding: Finding, settings: Settings) -> dict[str, Any]:
    """A finding with its page, and its prescription as changes to the experiment file."""
    changes = changes_of(finding, settings)
    return {
        **finding.to_dict(),
        "page": page_of(finding.code),
        "changes": [change._asdict() for change in changes],
    }


def changes_of(finding: Finding, settings: Settings) -> tuple[Change, ...]:
    """What the prescription changes in an experiment file; nothing without one."""
    if finding.prescription is None or not settings:
        return ()
    return finding.prescription.changes(settings)


def angles(updates: Updates) -> dict[str, Any]:
    """Norms of updates, and cosines between any two."""
    return {
        "ids": list(updates.ids),
        "norm": updates.norm.tolist(),
        "cosine": updates.cosine.tolist(),
    }


def partition(diagnosis: Diagnosis) -> dict[str, Any] | None:
    """Who holds what; None where the labels cannot be counted."""
    model = diagnosis.setup.model
    try:
        return diagnosis.setup.clients.stats(model.ignored_class).to_dict()
    except FedwhyError:
        return None  # A finding says what is wrong with them.
