"""`Rounds`: runs the rounds of an algorithm, and plans the next one while one runs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.cache import keep_compiled_programs
from fedwhy.engine.compiled import CompiledRound, Prepared
from fedwhy.engine.devices import everywhere, place
from fedwhy.engine.engine import Engine
from fedwhy.engine.processes import lost_process_named
from fedwhy.engine.program import enrol
from fedwhy.engine.states import client_states
from fedwhy.engine.tuning import choose

PyTree = Any


class RoundResult(NamedTuple):
    """What one round gives.

    `clients` int64 `[n]` are the positions of the clients that worked, `metrics` a pytree of
    NumPy arrays `[n, ...]` in the same order, `aggregate_norm` the norm of the mean update. Where
    that is not finite, the round is refused: `server` and the client states are as before it.
    """

    server: ServerState
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
        self.compiled = CompiledRound(algorithm, data, len(first), self.settings)
        one = enrol(algorithm, server.weights)
        self.states = client_states(one, data.clients, self.compiled.mesh)
        self.server = self.place(server)
        self._planner = ThreadPoolExecutor(1, thread_name_prefix="fedwhy-plan")
        self._ahead: dict[int, Future[Prepared]] = {}

    def place(self, server: ServerState) -> ServerState:
        """`server` on the devices that the rounds run on."""
        return place(server, everywhere(self.compiled.mesh))

    def arrays_of(self, data: Any) -> PyTree:
        """The arrays (x, y) of `data` on the devices, if the rounds train on it; None else."""
        return self.compiled.examples.arrays if data is self.compiled.data else None

    def run(self, server: ServerState, round: int) -> RoundResult:
        """Runs round number `round`, from 1."""
        ready = self._prepared(round).result()
        plan = ready.plan
        with lost_process_named(round):
            rows = self.states.gather(plan.client)
            moved, rows, metrics, norm = self.compiled(server, rows, ready, self.key, round)
            self._ahead = {round + 1: self._prepared(round + 1)}
            metrics, norm = jax.device_get((metrics, norm))
            if np.isfinite(norm):
                self.states.scatter(plan.client, rows)
                server = moved
        taken = plan.client < self.population
        metrics = jax.tree.map(lambda a: a[taken], metrics)
        return RoundResult(server, plan.client[taken], metrics, float(norm))

    def _prepared(self, round: int) -> Future[Prepared]:
        """What a round needs of the host, perhaps still in the making."""
        if round in self._ahead:
            return self._ahead[round]
        return self._planner.submit(
            lambda: self.compiled.prepare(self.cohort_of(round), self.seed, round)
        )
