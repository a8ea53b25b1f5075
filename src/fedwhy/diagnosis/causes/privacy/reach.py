"""How far noise goes in a run, against what the run learns.

Noise of the norm N in every round makes a random walk of the norm `N sqrt(T)` over T rounds, and
signals of the norm S that agree make `S T`. In many dimensions a walk does little harm while it is
short against either of that and the weights themselves, for hardly any of it lies along what the
model computes with: with 55,000 parameters, noise of six times the signal cost nothing in 8 rounds.
"""

import math

from fedwhy.diagnosis.facts.updates import Updates

# Below the first the noise leaves nothing, below the second it may cost something.
DROWNED, WEAK = 1.0, 3.0


def reach(initial: Updates, signal: float, noise: float, rounds: int) -> float:
    """`max(S T, |w|) / (N sqrt(T))`, of the first round's signal and weights."""
    learned = max(signal * rounds, initial.weights_norm)
    return learned / max(noise * math.sqrt(rounds), 1e-30)
