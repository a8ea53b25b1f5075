"""FW209: strides and poolings leave nothing of the images for the layers behind them."""

import re

import jax

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import edited, enlarged_inputs
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import small_poolings
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Settings, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

# How Keras, the zoo and JAX say that an image is smaller than a window.
TOO_SMALL = re.compile(
    r"needs images of at least (\d+)x|output size would be (?:zero or )?negative|"
    r"[Nn]egative dimension|kernel size.*larger than|smaller than|"
    r"`input_shape` to be at least",
)


def suspect(evidence: Evidence) -> Suspicion | None:
    """A model that refuses its images for their size, or windows that see or leave one pixel."""
    facts, setup = evidence.model, evidence.setup
    side = smallest_side(setup)
    if side is None:
        return None
    refused = TOO_SMALL.search(facts.error or "")
    gone = any(0 in window.gives for window in facts.windows)
    if refused or gone:
        needed = int(refused[1]) if refused and refused[1] else 32
        return Suspicion(
            f"images of {side} pixels are too small for the model: its windows do not fit into "
            "what its strides leave of them",
            confidence=0.9,
            evidence={"side": side, "error": facts.error},
            prescription=smaller_poolings(setup),
            others=(resized(setup, side, max(2, -(-needed // side))),),
            severity=Severity.error,
        )
    return blind_convolutions(evidence, side) or swallowed(evidence, side)


def blind_convolutions(evidence: Evidence, side: int) -> Suspicion | None:
    """Convolutions that see one pixel, and padding around it."""
    facts = evidence.model
    blind = [window for window in facts.windows if window.blind]
    if not blind:
        return None
    return Suspicion(
        f"{len(blind)} of {len(facts.windows)} convolutions see {blind[0].given[0]} by "
        f"{blind[0].given[1]} pixels and padding around them, for strides have shrunk the images "
        f"of {side} pixels too far",
        confidence=0.3 + 0.4 * len(blind) / len(facts.windows),
        evidence={"side": side, "blind": len(blind), "convolutions": len(facts.windows)},
        prescription=resized(evidence.setup, side, 2),
        severity=Severity.note,
    )


def swallowed(evidence: Evidence, side: int) -> Suspicion | None:
    """A pooling that leaves one pixel of a large image.

    Networks that end so on purpose have many channels by then. What is lost, only a run tells.
    """
    found = [pooling for pooling in evidence.model.poolings if pooling.swallows]
    if not found:
        return None
    given = found[0].given
    return Suspicion(
        f"a pooling makes a single pixel of {given[0]} by {given[1]}: of images of {side} pixels, "
        "nothing tells any more where something is",
        confidence=0.6,
        evidence={"side": side, "given": list(given), "window": list(found[0].kernel)},
        prescription=smaller_poolings(evidence.setup),
        others=(resized(evidence.setup, side, 4),),
        severity=Severity.note,
        standing=False,
    )


def smallest_side(setup: Setup) -> int | None:
    """Height or width of the images, or None where inputs are no images."""
    sides = [min(a.shape[1:3]) for a in jax.tree.leaves(setup.clients.x) if a.ndim == 4]
    return min(sides, default=None)


def smaller_poolings(setup: Setup) -> Edit:
    """Poolings of two pixels in place of those that leave one, or that the image does not fill."""
    told = "Pool two by two pixels, and only as often as the images allow."
    return edited(
        "poolings of two by two pixels", small_poolings, advice(setup, r"Pool|pool", told)
    )


def resized(setup: Setup, side: int, times: int) -> Edit:
    """Images so many times as large."""

    def changes(settings: Settings) -> tuple[Change, ...]:
        height, width = (n * times for n in setup.clients.x.shape[1:3])
        return (Change("prepare", "resize", [height, width]),)

    return edited(
        f"images resized to {times} times their height and width",
        lambda model: enlarged_inputs(model, times),
        f"Resize the images ({side * times} pixels), or take out strides and poolings.",
        changes if hasattr(setup.clients.x, "shape") else lambda settings: (),
    )


CAUSE = Cause("FW209", "The images are too small for the model", suspect)
