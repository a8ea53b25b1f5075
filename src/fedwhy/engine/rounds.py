"""`Rounds`: runs the rounds of an algorithm, and plans the next ones while they run."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.cache import keep_compiled_programs
from fedwhy.engine.compiled import CompiledRounds, Prepared
from fedwhy.engine.devices import everywhere, place
from fedwhy.engine.engine import Engine
from fedwhy.engine.plan import Plan
from fedwhy.engine.processes import lost_process_named
from fedwhy.engine.program import enrol
from fedwhy.engine.states import client_states
from fedwhy.engine.tuning import choose
from fedwhy.federated import trees

PyTree = Any

# Seconds that one dispatch should take at most, if it runs more than one round.
DISPATCH = 0.2


class RoundResult(NamedTuple):
    """What one round gives.

    `clients` int64 `[n]` are the positions of the clients that worked, `metrics` a pytree of
    NumPy arrays `[n, ...]` in the same order, `aggregate_norm` the norm of the mean update. Where
    that is not finite, the round is refused: server and client states are as before it.
    """

    clients: np.ndarray
    metrics: dict[str, Any]
    aggregate_norm: float


class Rounds:
    """The rounds of one algorithm on one dataset.

    `cohort_of(round)` gives the positions of a round's clients, int64 `[cohort]`, always as many.
    `server` is the state that the first round begins with, `states` what the clients keep, which
    `run` changes in place.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        data: FederatedDataset,
        server: ServerState,
        cohort_of: Callable[[int], np.ndarray],
        seed: int,
        engine: Engine,
    ):
        keep_compiled_programs()
        first = cohort_of(1)
        self.cohort_of, self.seed, self.population = cohort_of, seed, data.clients
        self.key = np.asarray(jax.random.key_data(jax.random.key(seed)))
        self.settings = choose(engine, algorithm, data, server, first, seed)
        self.compiled = CompiledRounds(algorithm, data, server, len(first), self.settings)
        one = enrol(algorithm, server.weights)
        self.states = client_states(one, data.clients, self.compiled.mesh)
        self.server = self.place(server)
        self._planner = ThreadPoolExecutor(1, thread_name_prefix="fedwhy-plan")
        self._ahead: dict[int, Future[Prepared]] = {}
        self._at_once = 1

    def place(self, server: ServerState) -> ServerState:
        """`server` on the devices that the rounds run on."""
        return place(server, everywhere(self.compiled.mesh))

    def arrays_of(self, data: Any) -> PyTree:
        """The arrays (x, y) of `data` on the devices, if the rounds train on it; None else."""
        return self.compiled.examples.arrays if data is self.compiled.data else None

    def run(
        self, server: ServerState, first: int, until: Callable[[int], int] = lambda first: first
    ) -> tuple[ServerState, list[RoundResult]]:
        """Runs round number `first`, from 1, and perhaps those that follow, in one dispatch.

        `until(first)` is the last round that may follow. Returns the server's state after them and
        the result of each. A refused round is the last.
        """
        started = time.perf_counter()
        ready = self._prepared(first, until).result()
        count = min(len(ready.plans), until(first) - first + 1)
        with lost_process_named(first):
            rows = self.states.gather(ready.plans[0].client)
            server, rows, *rest = self.compiled(server, rows, ready, self.key, first, count)
            follows = first + count
            self._ahead = {follows: self._prepared(follows, until)}
            metrics, norms, done = jax.device_get(rest)
            self.states.scatter(ready.plans[0].client, rows)
        each = (time.perf_counter() - started) / count
        self._at_once = int(min(max(DISPATCH / each, 1), self.compiled.room))
        return server, [
            self._result(ready.plans[k], trees.row(metrics, k), norms[k]) for k in range(done)
        ]

    def _result(self, plan: Plan, metrics: PyTree, norm: np.ndarray) -> RoundResult:
        taken = plan.client < self.population
        metrics = jax.tree.map(lambda a: a[taken], metrics)
        return RoundResult(plan.client[taken], metrics, float(norm))

    def _prepared(self, first: int, until: Callable[[int], int]) -> Future[Prepared]:
        """What the rounds of one dispatch need of the host, perhaps still in the making."""
        if first in self._ahead:
            return self._ahead[first]
        numbers = range(first, min(first + self._at_once, until(first) + 1))

        def prepare() -> Prepared:
            plans = [self.compiled.plan(self.cohort_of(n), self.seed, n) for n in numbers]
            return self.compiled.place(plans)

        return self._planner.submit(prepare)
