"""Label noise: wrong labels at some clients.

Han et al. 2018, "Co-teaching: robust training of deep neural networks with extremely noisy labels",
section 4 (symmetric and pair flips); Xu, Chen, Quek and Chong 2022, "FedCorr: multi-stage federated
learning for label noise correction" (noisy and clean clients).
"""

from dataclasses import dataclass, replace

import numpy as np

from fedwhy.data.checks import check_labels
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.keyed import grouped_range, keys, permutations
from fedwhy.errors import DataError, number, one_of

CLIENTS = int.from_bytes(b"noisy")
EXAMPLES = int.from_bytes(b"flipped")
CLASSES = int.from_bytes(b"classes")


@dataclass(frozen=True)
class LabelNoise:
    """Label noise: a share of the clients has a share of its labels flipped to other classes.

    - `rate`: the share of a noisy client's labels that are flipped, rounded to whole examples
    - `clients`: the share of clients that are noisy, rounded to whole clients
    - `kind`: "symmetric" flips to any other class, all equally likely; "pair" flips class k to
      k + 1, and the last class to 0

    Which clients are noisy depends on how many there are; what is flipped at one of them does not.
    `changed` tells which labels were flipped. Raises `DataError` for examples without one class
    number each, or with a single class, and where shares above 0 are rounded to no label at all.
    """

    rate: float
    clients: float = 1.0
    kind: str = "symmetric"

    def __post_init__(self):
        number("rate", self.rate, at_least=0, at_most=1)
        number("clients", self.clients, at_least=0, at_most=1)
        one_of("kind", self.kind, ("symmetric", "pair"))

    def apply(self, data: FederatedDataset, seed: int) -> FederatedDataset:
        """`data` with flipped labels; x is shared with it."""
        classes = check_classes(data)
        position = np.arange(data.clients)
        noisy = np.argsort(keys(seed, CLIENTS, position))
        noisy = noisy[: round(self.clients * data.clients)]
        flips = np.zeros(data.clients, np.int64)
        flips[noisy] = np.rint(self.rate * data.sizes[noisy])
        if self.rate * self.clients > 0 and not flips.any():
            raise DataError(
                f"{data.name}: label noise flips nothing, for {self.clients:g} of {data.clients} "
                f"clients are {len(noisy)}, and {self.rate:g} of the {data.largest} examples of "
                f"the largest are {np.rint(self.rate * data.largest):.0f}; set a larger share"
            )

        owner, place = grouped_range(data.sizes)
        order = permutations(data.sizes, keys(seed, EXAMPLES, position))
        flipped = place < flips[owner]
        owner, example = owner[flipped], order[flipped]
        rows = data.offsets[owner] + example
        step = 1
        if self.kind == "symmetric":
            other = keys(seed, CLASSES, owner, example) % np.uint64(classes - 1)
            step = 1 + other.astype(np.int64)
        y = np.array(data.y)
        y[rows] = (y[rows].astype(np.int64) + step) % classes
        return replace(data, y=y)


def check_classes(data: FederatedDataset) -> int:
    """How many classes there are; raises `DataError` where labels cannot be flipped."""
    if data.classes is None or data.y.ndim != 1 or data.classes < 2:
        raise DataError(
            f"{data.name}: label noise needs one class number an example and at least two classes, "
            f"given y {data.y.dtype}{list(data.y.shape)} and classes={data.classes}"
        )
    check_labels(data)
    return data.classes
