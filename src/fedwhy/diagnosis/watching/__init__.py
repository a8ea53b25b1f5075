"""What may happen to a run that goes on: one judge a file, each a pure function of `Seen`."""

from fedwhy.diagnosis.watching.collapse import collapse, few_classes
from fedwhy.diagnosis.watching.explosion import explosion
from fedwhy.diagnosis.watching.falling import falling
from fedwhy.diagnosis.watching.frozen import frozen
from fedwhy.diagnosis.watching.refusals import refusals
from fedwhy.diagnosis.watching.seen import Event, Seen
from fedwhy.diagnosis.watching.stagnation import at_the_base_rate, below_earlier

JUDGES = (
    explosion,
    refusals,
    frozen,
    collapse,
    few_classes,
    at_the_base_rate,
    falling,
    below_earlier,
)

__all__ = [
    "JUDGES",
    "Event",
    "Seen",
    "at_the_base_rate",
    "below_earlier",
    "collapse",
    "explosion",
    "falling",
    "few_classes",
    "frozen",
    "refusals",
]
