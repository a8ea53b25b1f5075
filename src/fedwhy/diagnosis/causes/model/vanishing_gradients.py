"""FW211: gradients that are lost on their way through the layers."""

import optax

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import symmetric
from fedwhy.diagnosis.edits.model import edited, weights_anew
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import rectified
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.model import ModelFacts
from fedwhy.diagnosis.finding import Edit, Suspicion
from fedwhy.diagnosis.setup import Setup

SMALL = 1e-3
ADAM = 1e-3


def suspect(evidence: Evidence) -> Suspicion | None:
    """The gradient of some layer is a thousandth of another's, or all are next to nothing."""
    facts = evidence.model
    norms = [k.gradient for k in facts.kernels if k.gradient > 0]
    if not norms or symmetric(facts):
        return None
    most, ratio = max(norms) / max(facts.inputs, 1e-12), min(norms) / max(norms)
    if most >= SMALL and ratio >= SMALL:
        return None
    weakest = min((k for k in facts.kernels if k.gradient > 0), key=lambda k: k.gradient)
    why = (
        f"no layer's gradient has a norm above {max(norms):.1e}: the signal is lost between the "
        "inputs and the outputs"
        if most < SMALL
        else f"the gradient of {weakest.path} is {ratio:.1e} times that of the layer with the "
        "largest: it is lost on its way back through the layers"
    )
    return Suspicion(
        why,
        confidence=0.7 if min(most, ratio) < SMALL / 10 else 0.5,
        evidence={"gradients": {k.path: k.gradient for k in facts.kernels}},
        prescription=cure(evidence.setup, facts),
        standing=min(most, ratio) < SMALL / 10,
        others=(with_relus(evidence.setup),),
    )


def cure(setup: Setup, facts: ModelFacts) -> Edit:
    """Initial weights of another scale if these bring gradients back, else steps without scale."""
    anew = [k.redrawn for k in facts.kernels if k.redrawn > 0]
    if anew and max(anew) >= SMALL * facts.inputs and min(anew) / max(anew) >= SMALL:
        return weights_anew(
            setup,
            "initial weights of the scale that keeps signals (Glorot)",
            'Draw initial weights by "glorot_uniform", or "he_normal" before ReLUs.',
        )
    return edits.optimizer(
        "Adam at the clients, whose steps have the same length in all layers",
        optax.adam(ADAM),
        optimizer="adam",
        learning_rate=ADAM,
    )


def with_relus(setup: Setup) -> Edit:
    """Activations whose slope does not vanish."""
    told = "Use ReLUs and he_normal, normalisation between layers, or fewer layers."
    return edited(
        "ReLUs in place of sigmoids, with initial weights for them (He)",
        rectified,
        advice(setup, r"sigmoid|tanh|softsign", told),
    )


CAUSE = Cause("FW211", "Gradients vanish", suspect)
