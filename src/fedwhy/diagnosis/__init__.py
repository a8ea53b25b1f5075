"""Diagnosis: says why a federated model does not learn, proves it, and repairs it."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.diagnose import Diagnosis, diagnose_setup
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Finding, Severity, Suspicion
from fedwhy.diagnosis.public import diagnose
from fedwhy.diagnosis.record import record_of
from fedwhy.diagnosis.setup import Setup
from fedwhy.diagnosis.watch import Watch

__all__ = [
    "Cause",
    "Change",
    "Diagnosis",
    "Edit",
    "Evidence",
    "Finding",
    "Setup",
    "Severity",
    "Suspicion",
    "Watch",
    "diagnose",
    "diagnose_setup",
    "record_of",
]
