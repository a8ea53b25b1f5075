"""The partition by time.

Zhu, Xu, Liu and Jin 2021, "Federated learning on non-IID data: a survey", "temporal skew".
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from fedwhy.errors import DataError


@dataclass(frozen=True, eq=False)
class ByTime:
    """Temporal skew: examples in the order of their times are cut in stretches, one for a client.

    `times` are numbers or dates (`datetime64`) `[examples]`; without them the examples are taken in
    the order in which they are stored. Those of the same time keep that order. Clients follow one
    another in time and hold the same number of examples, give or take one.

    Raises `DataError` where there is not one time for each example, or one is missing.
    """

    times: ArrayLike | None = field(default=None, repr=False)

    def __post_init__(self):
        if self.times is None:
            return
        times = np.asarray(self.times)
        if times.ndim != 1 or times.dtype.kind not in "iufM":
            raise DataError(
                "times: expected a list of numbers or of datetime64, "
                f"given {times.dtype}{list(times.shape)}"
            )
        missing = np.isnat(times) if times.dtype.kind == "M" else np.isnan(times)
        if missing.any():
            raise DataError(
                f"times: that of example {np.argmax(missing)} is missing; leave the example out"
            )
        object.__setattr__(self, "times", times)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        examples = len(labels)
        times = np.arange(examples) if self.times is None else np.asarray(self.times)
        if len(times) != examples:
            raise DataError(f"ByTime: {len(times)} times for {examples} examples; give one each")
        owner = np.empty(examples, np.int64)
        owner[np.argsort(times, kind="stable")] = np.arange(examples) * clients // examples
        return owner
