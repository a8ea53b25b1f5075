"""`Engine`: how rounds are run."""

from dataclasses import dataclass
from typing import Literal

from fedwhy.errors import one_of, whole_number

LOWERING = ("auto", "on", "off")


@dataclass(frozen=True)
class Engine:
    """How rounds are run: on how many devices, and in how many lanes on each of them.

    A lane is a stream of clients, one after another; lanes run side by side. With `lowering`
    `"on"`, convolutions, max pools, products and recurrences are computed in other ways than XLA's,
    which are faster in the loops of a CPU. What is `"auto"` is measured on the first round's work,
    and remembered for the model and the machine. The result does not depend on any of it beyond
    float rounding.
    """

    lanes: int | Literal["auto"] = "auto"
    devices: int | Literal["auto"] = "auto"
    lowering: str = "auto"

    def __post_init__(self):
        for name in ("lanes", "devices"):
            if getattr(self, name) != "auto":
                whole_number(name, getattr(self, name), at_least=1, at_most=2**20)
        one_of("lowering", self.lowering, LOWERING)


@dataclass(frozen=True)
class Settings:
    """An engine with nothing left to choose; `lanes` are those of each device."""

    lanes: int
    devices: int
    lowering: bool
