"""FW214: units that begin alike and stay alike."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import symmetric
from fedwhy.diagnosis.edits.model import weights_anew
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """All units of a layer have the same weights and the same gradient."""
    facts = evidence.model
    if not symmetric(facts):
        return None
    alike = [kernel for kernel in facts.kernels if kernel.alike]
    zero = all(kernel.weight == 0 for kernel in alike)
    units = alike[0].shape[-1]
    return Suspicion(
        f"all {units} units of {alike[0].path} begin with the same weights"
        f"{' (zeros)' if zero else ''} and get the same gradient, so they stay one and the same",
        confidence=0.95,
        evidence={
            "tensors": [kernel.path for kernel in alike],
            "gradient": max(kernel.gradient for kernel in alike),
        },
        prescription=weights_anew(
            evidence.setup,
            "initial weights drawn at random (Glorot)",
            'Draw initial weights at random, such as by "glorot_uniform".',
            r"[Zz]eros|[Oo]nes|[Cc]onstant|full\(|initializer",
        ),
    )


CAUSE = Cause("FW214", "The units of a layer begin alike", suspect)
