"""Preflight: what the data, the model and the settings tell before anything runs."""

from fedwhy.diagnosis.diagnose import diagnose_setup
from fedwhy.diagnosis.finding import Finding, Severity
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import PreflightError


def check_before(setup: Setup) -> tuple[Finding, ...]:
    """The findings before a run; raises `PreflightError` for the first that makes it useless."""
    findings = diagnose_setup(setup, probes=False).findings
    for finding in findings:
        if finding.severity is Severity.error:
            raise PreflightError(refusal(finding))
    return findings


def refusal(finding: Finding) -> str:
    """What is wrong and what to do, in a few lines."""
    lines = [f"{finding.code}: {finding.title}. {finding.why}"]
    if finding.prescription is not None:
        lines.append(f"Run it with {finding.prescription.what}.")
        lines += [finding.prescription.code] if finding.prescription.code else []
    lines.append(f"`fedwhy explain {finding.code}` says more; `--force` runs it all the same.")
    return "\n".join(lines)
