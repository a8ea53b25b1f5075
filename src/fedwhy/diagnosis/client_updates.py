"""`Updates`: what each client of one round sent, as norms and angles."""

from typing import NamedTuple

import numpy as np


class Updates(NamedTuple):
    """The updates of a round's clients.

    - `position` int `[clients]`: places in the population; `ids`, their names
    - `norm` float `[clients]`
    - `cosine` float `[clients, clients]`: between any two of them; 0 where one is zero
    - `weight` float `[clients]`: what each counts in a mean
    - `before`, `after` float `[clients]`: mean loss of the client's examples before and after its
      local training, by the model that it trained
    """

    position: np.ndarray
    ids: tuple[str, ...]
    norm: np.ndarray
    cosine: np.ndarray
    weight: np.ndarray
    before: np.ndarray
    after: np.ndarray
