"""`[attack]`: clients of a simulation that send something else than what they have learned.

    [attack]
    name = "sign_flip"
    clients = 0.2
    factor = 10.0

It is a table of its own, for it is no part of the defence: whatever changes `[aggregator]`, those
who diagnose a run too, leaves the attackers where they are.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators import ATTACKS, Aggregator, Link, attacked
from fedwhy.data.keyed import keys
from fedwhy.errors import ParameterError, whole_number
from fedwhy.experiment.file import ExperimentFile
from fedwhy.experiment.pieces import joined
from fedwhy.experiment.tables import Attack

HOSTILE = int.from_bytes(b"hostile")


def positions(clients: Sequence[int] | float, population: int, seed: int) -> tuple[int, ...]:
    """The positions of clients given one by one, or by their share of all, drawn by the seed.

    A share is rounded to whole clients, one at least. Raises `ParameterError` for positions that
    there are not, or that are given twice, and for a share that is none.
    """
    if isinstance(clients, Sequence):
        if not len(set(clients)) == len(clients) > 0:
            message = f"expected the positions of one or more clients, each once, given {clients!r}"
            raise ParameterError("clients", message)
        last = population - 1
        return tuple(whole_number("clients", n, at_least=0, at_most=last) for n in clients)
    if not 0 < clients < 1:
        raise ParameterError(
            "clients",
            "expected positions, such as [0] or [0, 3], or a share of all clients, above 0 and "
            f"below 1, given {clients:g}",
        )
    drawn = np.argsort(keys(seed, HOSTILE, np.arange(population)))
    return tuple(sorted(map(int, drawn[: max(round(clients * population), 1)])))


def under_attack(
    file: ExperimentFile, table: Attack, pieces: Sequence[Link | Aggregator], population: int
) -> list[Link | Aggregator]:
    """The pieces of a chain, of which those that attackers pass through are `attacked`.

    Attackers leave out whatever comes before or with the last link by which clients keep something,
    such as momentum, which is work of honest clients, and pass through the pieces behind it.
    """
    options = table.model_dump()
    name, clients, seed = (options.pop(key) for key in ("name", "clients", "seed"))
    with file.blame("attack"):
        attack = ATTACKS[name](**options)
        begin = max((n + 1 for n, piece in enumerate(pieces[:-1]) if keeps(piece)), default=0)
        with file.blame("aggregator"):
            inner = joined(pieces[begin:])
        hostile = positions(clients, population, seed)
        return [*pieces[:begin], attacked(inner, attack, clients=hostile)]


def keeps(piece: Link | Aggregator) -> bool:
    """Whether clients keep something for a piece between rounds."""
    update = {"w": jax.ShapeDtypeStruct((2, 2), jnp.float32)}
    return bool(jax.tree.leaves(jax.eval_shape(piece.enrol, update)))
