"""The partition by shards.

McMahan et al. 2017, "Communication-efficient learning of deep networks from decentralized data",
section 3.
"""

from dataclasses import dataclass

import numpy as np

from fedwhy.data.partitions.classes import rows_by_class
from fedwhy.errors import ParameterError, whole_number


@dataclass(frozen=True)
class Shards:
    """Label skew: examples are sorted by label and cut in shards, and each client gets a few.

    There are `clients * per_client` shards, which differ in size by one example at most, dealt at
    random. With two shards a client, most clients hold two labels.
    """

    per_client: int = 2

    def __post_init__(self):
        whole_number("per_client", self.per_client, at_least=1)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        order = np.concatenate(rows_by_class(labels, self))
        shards = clients * self.per_client
        if shards > len(labels):
            raise ParameterError(
                "per_client",
                f"{clients} clients with {self.per_client} shards each need {shards} examples, "
                f"but there are {len(labels)}; use fewer clients or fewer shards a client",
            )
        holder = rng.permutation(np.arange(shards) % clients)
        owner = np.empty(len(labels), np.int64)
        owner[order] = holder[np.arange(len(labels)) * shards // len(labels)]
        return owner
