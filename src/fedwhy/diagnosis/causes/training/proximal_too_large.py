"""FW306: the proximal term holds clients where they are."""

import math

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.server import signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

# A client that gets this share of the way that it would have gone is held back.
HELD, FIRMLY = 0.5, 0.2
# Adaptive steps have no rate to compare with; so large a mu outweighs most gradients all the same.
LARGE = 1.0
# Algorithms whose own argument is the factor of the proximal term.
NAMES = {"fedprox": "mu", "fedasync": "rho"}


def suspect(evidence: Evidence) -> Suspicion | None:
    """By how far a client gets against the proximal term, in as many steps as it takes."""
    local, (name, mu) = evidence.local, factor(evidence.setup)
    if local is None or not mu:
        return None
    steps, pull = local.typical_steps, mu * local.rate * max(local.momentum, 1.0)
    if local.known and not pull > 0:
        return None  # Such as a rate that begins at 0.
    if local.known and pull >= 2:
        return Suspicion(
            f"learning rate x mu is {pull:.3g}: above 2 every step overshoots the global model "
            "by more than the last",
            0.95,
            {"mu": mu, "pull": pull, "steps": steps},
            weaker(name, lower(mu, pull, steps)),
            without(name),
            Severity.error,
        )
    way = share_of_the_way(pull, steps) if local.known else (0.4 if mu >= LARGE else 1.0)
    if way > HELD:
        return None
    return Suspicion(
        f"with mu = {mu:g} a client gets {way:.0%} as far in its {steps} local steps as without",
        0.8 if way < FIRMLY and local.known else 0.5,
        {"mu": mu, "pull": pull, "steps": steps, "share_of_the_way": way},
        weaker(name, lower(mu, pull, steps) if local.known else mu / 100),
        without(name),
        Severity.warning if way < FIRMLY else Severity.note,
    )


def share_of_the_way(pull: float, steps: int) -> float:
    """How far K steps along one gradient get, `(1 - (1 - eta mu)^K) / (K eta mu)`.

    The proximal term's gradient is `mu (w - w_global)` (Li et al. 2020, eq. 2), so every step
    shrinks what was gained by `1 - eta mu` before it adds `-eta g`; without it they get K steps.
    """
    return abs(1 - (1 - pull) ** steps) / (steps * pull)


def lower(mu: float, pull: float, steps: int) -> float:
    """The mu with which `eta mu K` is 0.2, so that a client gets nine tenths of the way."""
    return mu * 0.2 / (pull * steps)


def factor(setup: Setup) -> tuple[str, float]:
    """The name and the value of mu, wherever it is given; 0 where there is no proximal term."""
    name, takes = NAMES.get(setup.algorithm.name), signature(setup)
    if name in takes:
        return name, float(setup.arguments.get(name, takes[name].default))
    return "proximal", float(getattr(setup.local, "proximal", 0.0))


def weaker(name: str, mu: float) -> Edit:
    """The same with this mu, as a person would write it."""
    mu = edits.rounded(mu) if math.isfinite(mu) else 0.0
    if name == "proximal":
        return edits.local(f"proximal = {mu:g}", proximal=mu)
    return edits.argument(f"{name} = {mu:g}", **{name: mu})


def without(name: str) -> Edit:
    """The same without a proximal term."""
    if name == "proximal":
        return edits.local("no proximal term", proximal=0.0)
    return edits.argument("no proximal term", **{name: 0.0})


CAUSE = Cause("FW306", "The proximal term holds clients back", suspect)
