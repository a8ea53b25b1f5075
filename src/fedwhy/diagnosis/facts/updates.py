"""`Updates`: what each client of one round sent, as norms and angles, and `examine`, which runs it.

The round is one of the setup's algorithm, by the real engine, in which the aggregator is exchanged
for one that records messages. Of updates only inner products are kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators.robust.distances import gram
from fedwhy.aggregators.robust.rule import combine
from fedwhy.algorithms import ServerState
from fedwhy.diagnosis.facts.client_scores import ClientScores
from fedwhy.diagnosis.facts.observing import Seen, observation, observing
from fedwhy.diagnosis.setup import Setup
from fedwhy.engine import ClientState, Cohort, Engine, Rounds, local_settings
from fedwhy.engine.plan import first_shape
from fedwhy.errors import ParameterError
from fedwhy.federated import paths, trees
from fedwhy.models import Weights
from fedwhy.simulation.checks import example

PyTree = Any

# The most clients of a round that are examined, and the most bytes of their updates.
MOST_CLIENTS, MOST_BYTES = 100, 2**31
# The part of an update by which it is seen where it leads to.
PIECE = 0.1
# Bytes of updates above which one device works, not each core: every device holds all updates.
MUCH = 2**27


class Updates(NamedTuple):
    """The updates of a round's clients.

    Norms and cosines are those of the parameters' part of updates, as they reach the aggregator's
    rule: after links, such as clipping, and after attacks.

    - `position` int `[clients]`: places in the population; `ids`, their names
    - `norm` float `[clients]`
    - `cosine` float `[clients, clients]`: between any two of them; 0 where one is zero
    - `weight` float `[clients]`: what each counts in a mean
    - `before`, `after` float `[clients]`: mean loss of the client's examples before and after its
      local training, by the model that it trained
    - `refused`: why its message was not taken, empty where it was
    - `trained_norm` float `[clients]`: of the whole message as training made it, before links and
      attacks
    - `fidelity` float `[clients]`: the cosine of what it trained and what reached the rule
    - `after_sent` float `[clients]`: as `after`, by the global model and what reached the rule
    - `begins` float `[clients]`: as `after_sent`, after a first piece of the way: a tenth of what
      reached the rule, and of the median client's norm where it is longer
    - `mean_fidelity`, `mean_error`: of the weighted means of what was trained (t) and of what
      reached the rule (s), their cosine and `|s - t|^2 / |t|^2`
    - `mean_norm`: of the weighted mean of what was trained
    - `weights_norm`: of the global parameters
    - `parameters`: how many numbers a message has
    - `confusion` int `[clients, classes, classes]`: of each client's examples (at most 256), how
      many of a label (first) the model took for a class (second), before training; None where
      there are no classes to tell
    """

    position: np.ndarray
    ids: tuple[str, ...]
    norm: np.ndarray
    cosine: np.ndarray
    weight: np.ndarray
    before: np.ndarray
    after: np.ndarray
    refused: tuple[str, ...]
    trained_norm: np.ndarray
    fidelity: np.ndarray
    after_sent: np.ndarray
    begins: np.ndarray
    mean_fidelity: float
    mean_error: float
    mean_norm: float
    weights_norm: float
    parameters: int
    confusion: np.ndarray | None


def beginning(setup: Setup) -> ServerState:
    """The server's state before the first round, as `train` makes it."""
    key = jax.random.fold_in(jax.random.key(setup.seed), 0)
    weights = setup.model.init(key, example(setup.clients)[0])
    return setup.algorithm.begin(weights, setup.clients.clients)


def examine(
    setup: Setup, server: ServerState, round: int, states: ClientState | None = None
) -> Updates:
    """What each of at most 100 clients does in round number `round`, which begins with `server`.

    More clients are sampled, and fewer taken where their updates would need more than 2 GB.
    `states` is what the clients keep, of all of them, such as a `Run`'s; None for nothing yet.
    Raises `ParameterError` for an algorithm of several models, whose updates are not comparable.
    """
    return Examination(setup)(server, round, states)


class Examination:
    """`examine` of one setup, compiled once for all rounds that are looked at."""

    def __init__(self, setup: Setup):
        algorithm, clients = setup.algorithm, setup.clients
        if algorithm.models is not None or algorithm.clustered:
            raise ParameterError(
                "algorithm", f"{algorithm.name} has several models, whose updates do not compare"
            )
        self.setup, self.server = setup, beginning(setup)
        self.update = trees.zeros(algorithm.message(self.server).update)
        each = 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(self.update))
        size = max(min(MOST_CLIENTS, clients.clients, MOST_BYTES // (2 * each)), 1)
        settings = local_settings()
        devices = 1 if each * size > MUCH else min(settings.devices, size)
        batching = algorithm.client(algorithm.model).batching
        self.slots = devices * first_shape(clients.sizes, batching, size, devices).slots
        rng = np.random.default_rng(setup.seed)
        self.chosen = np.sort(rng.choice(clients.clients, size, replace=False))
        self.rounds = Rounds(
            algorithm._replace(
                aggregator=observing(algorithm.aggregator, self.slots),
                server=lambda server, aggregate, round: server,
            ),
            clients,
            self._observed(self.server),
            lambda round: Cohort.of(self.chosen),
            size,
            setup.seed,
            Engine(lanes=1, devices=devices, lowering="on" if settings.lowering else "off"),
            ahead=False,
        )
        self.fresh = jax.tree.map(np.array, self.rounds.states.all())
        self.scores = ClientScores(setup.model, clients)
        self._numbers = jax.jit(numbers)

    def __call__(
        self, server: ServerState, round: int, states: ClientState | None = None
    ) -> Updates:
        """The updates of round number `round`."""
        self.rounds.states.restore(self.fresh if states is None else states)
        placed = self.rounds.place(self._observed(server))
        after, (result,) = self.rounds.run(placed, round)
        seen: Seen = jax.device_get(after.aggregator.seen)
        worked = sorted({*result.clients.tolist(), *result.refused})
        slot_of = {int(p): slot for slot, p in enumerate(seen.position)}
        seen = trees.row(seen, np.array([slot_of[position] for position in worked], int))
        return self._updates(self.setup.algorithm.evaluated(server), seen, result.refused)

    def _observed(self, server: ServerState) -> ServerState:
        return server._replace(aggregator=observation(server.aggregator, self.update, self.slots))

    def _updates(self, weights: Weights, seen: Seen, refused: dict[int, str]) -> Updates:
        found = jax.device_get(self._numbers(seen))
        norm = np.sqrt(np.maximum(np.diagonal(found.products), 0).astype(np.float64))
        norms = np.outer(norm, norm)
        cosine = np.where(norms > 0, found.products / np.where(norms > 0, norms, 1), 0.0)
        before = [self.scores(weights, position) for position in seen.position]
        after = [self._after(weights, seen.trained, row, p) for row, p in enumerate(seen.position)]
        after_sent = [
            loss if found.fidelity[row] > 0.999 else self._after(weights, seen.sent, row, p)
            for row, (p, loss) in enumerate(zip(seen.position, after, strict=True))
        ]
        typical = float(np.median(norm[norm > 0])) if norm.any() else 0.0
        begins = [
            self._after(weights, seen.sent, row, p, PIECE * min(1.0, typical / max(n, 1e-30)))
            for row, (p, n) in enumerate(zip(seen.position, norm, strict=True))
        ]
        reasons = (
            refused.get(int(p), "" if there else "the aggregator did not take it")
            for p, there in zip(seen.position, seen.there, strict=True)
        )
        confusion = [score.confusion for score in before if score.confusion is not None]
        return Updates(
            position=np.asarray(seen.position),
            ids=tuple(str(id) for id in self.setup.clients.ids[seen.position]),
            norm=norm,
            cosine=np.clip(cosine, -1, 1),
            weight=np.asarray(seen.weight),
            before=np.array([score.loss for score in before]),
            after=np.array(after),
            refused=tuple(reasons),
            trained_norm=found.trained_norm,
            fidelity=found.fidelity,
            after_sent=np.array(after_sent),
            begins=np.array(begins),
            mean_fidelity=float(found.mean_fidelity),
            mean_error=float(found.mean_error),
            mean_norm=float(found.mean_norm),
            weights_norm=float(trees.norm(weights.params)),
            parameters=trees.size(self.update),
            confusion=np.stack(confusion) if confusion else None,
        )

    def _after(
        self, weights: Weights, rows: PyTree, row: int, position: int, part: float = 1.0
    ) -> float:
        """The mean loss of a client's examples by the global model, moved by its update."""
        params, state = trees.row(rows, row).weights
        params = params if part == 1.0 else trees.scale(params, part)
        moved = Weights(
            trees.move(weights.params, paths.fill(params, weights.params)),
            trees.move(weights.state, state),
        )
        return self.scores(moved, position).loss


class Numbers(NamedTuple):
    """Inner products of what reached the rule, `[clients, clients]`, and others of `Updates`."""

    products: jax.Array
    trained_norm: jax.Array
    fidelity: jax.Array
    mean_fidelity: jax.Array
    mean_error: jax.Array
    mean_norm: jax.Array


def numbers(seen: Seen) -> Numbers:
    """What is kept of messages; those that were not taken are zero."""
    trained, sent = seen.trained.weights.params, seen.sent.weights.params
    weight = jnp.where(seen.there, seen.weight, 0.0)
    weight = weight / jnp.maximum(weight.sum(), 1e-30)
    means = combine(weight, trees.as_float32(trained)), combine(weight, trees.as_float32(sent))
    square = trees.squared_norm(means[0])
    error = trees.squared_norm(trees.subtract(means[1], means[0]))
    return Numbers(
        gram(trees.as_float32(sent)),
        jax.vmap(trees.norm)(seen.trained),
        jax.vmap(trees.cosine)(trained, sent),
        trees.cosine(*means),
        error / jnp.maximum(square, 1e-30),
        jnp.sqrt(square),
    )
