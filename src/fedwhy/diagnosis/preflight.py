"""`Preflight`: what the data, the model and the settings tell before anything runs."""

from fedwhy.diagnosis.diagnose import diagnose_setup
from fedwhy.diagnosis.finding import Finding, Severity
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import PreflightError
from fedwhy.simulation import Callback, Training


class Preflight(Callback):
    """Looks at the run before its first round, when `train` itself has nothing against it.

    Raises `PreflightError` for the first finding that makes the run useless. As the first of the
    callbacks it comes before anything is written.
    """

    def __init__(self, setup: Setup):
        self.setup = setup

    def on_start(self, training: Training) -> None:
        """Raises `PreflightError` where the run cannot work."""
        for finding in diagnose_setup(self.setup, probes=False).findings:
            if finding.severity is Severity.error:
                raise PreflightError(refusal(finding))

    def looks_at(self, round: int) -> bool:
        """No round at all."""
        return False


def refusal(finding: Finding) -> str:
    """What is wrong and what to do, in a few lines."""
    lines = [f"{finding.code}: {finding.title}. {finding.why[0].upper()}{finding.why[1:]}."]
    if finding.prescription is not None:
        lines.append(f"Run it with {finding.prescription.what}.")
        lines += [finding.prescription.code] if finding.prescription.code else []
    lines.append(f"`fedwhy explain {finding.code}` says more; `--force` runs it all the same.")
    return "\n".join(lines)
