"""`Rounds`: runs the rounds of an algorithm, and plans the next ones while they run."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.aggregators import NOT_FINITE, REASONS
from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.agreement import Whole
from fedwhy.engine.cache import keep_compiled_programs
from fedwhy.engine.compiled import CompiledRounds, Prepared
from fedwhy.engine.devices import everywhere, place
from fedwhy.engine.engine import Engine
from fedwhy.engine.plan import Cohort, Plan, sample_cohort
from fedwhy.engine.processes import lost_process_named
from fedwhy.engine.program import Facts, enrol
from fedwhy.engine.states import client_states
from fedwhy.engine.tuning import choose
from fedwhy.federated import trees

PyTree = Any

# Seconds that one dispatch should take at most, if it runs more than one round.
DISPATCH = 0.2

# What the seed's key is folded with for exchanges before the main one; rounds fold in 0, 1, 2, ...
BEFORE = 0x7FFFFF00


class RoundResult(NamedTuple):
    """What one round gives.

    `clients` int64 `[n]` are the positions of the clients whose messages were taken, `metrics` a
    pytree of NumPy arrays `[n, ...]` in the same order, `refused` the reason by the position of
    each client whose message was not. `aggregate_norm` is the norm of the aggregate; where that is
    not finite, the round is undone: server and client states are as before it. `measured` is what
    the aggregator measured; `counts` says whether the model has moved, `weights_norm` and
    `step_norm` how long its parameters are then, and their change. `whole` is the sum of messages
    of which `metrics["part"]` are the parts; None where there is no mean.
    """

    clients: np.ndarray
    metrics: dict[str, Any]
    refused: dict[int, str]
    aggregate_norm: float
    measured: dict[str, float]
    counts: bool
    weights_norm: float
    step_norm: float
    whole: Whole | None

    @property
    def void(self) -> bool:
        """Whether there were messages, but too few were taken, so that the model is as it was."""
        return not (self.counts or self.diverged) and bool(len(self.clients) or self.refused)

    @property
    def diverged(self) -> bool:
        """Whether the aggregate is not finite."""
        return not math.isfinite(self.aggregate_norm)


class Rounds:
    """The rounds of one algorithm on one dataset.

    `cohort_of(round)` gives a round's cohort, of at most `size` clients. It is asked while the
    round before runs, unless it waits for that round's outcome (`ahead=False`). `server` is the
    state that the first round begins with, `states` what the clients keep, which `run` changes in
    place.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        data: FederatedDataset,
        server: ServerState,
        cohort_of: Callable[[int], Cohort],
        size: int,
        seed: int,
        engine: Engine,
        *,
        ahead: bool = True,
    ):
        keep_compiled_programs()
        self.cohort_of, self.seed, self.population = cohort_of, seed, data.clients
        self.ahead = ahead
        # No round has the number 0: what is measured is like them, and none of them.
        typical = Cohort.of(sample_cohort(data.clients, size, seed, round=0))
        self.settings = choose(engine, algorithm, data, server, typical, seed)
        self.compiled = CompiledRounds(algorithm, data, server, size, self.settings)
        before = [
            CompiledRounds(each, data, server, size, self.settings, self.compiled.examples)
            for each in exchanges_before(algorithm)
        ]
        self.exchanges = [*before, self.compiled]
        key = jax.random.key(seed)
        self.keys = [  # The main exchange has the seed's own, whatever comes before it.
            np.asarray(jax.random.key_data(jax.random.fold_in(key, BEFORE + n)))
            for n in range(len(before))
        ] + [np.asarray(jax.random.key_data(key))]
        one = enrol(algorithm, server)
        self.states = client_states(one, data.clients, self.compiled.mesh)
        self.server = self.place(server)
        self._planner = ThreadPoolExecutor(1, thread_name_prefix="fedwhy-plan")
        self._ahead: dict[int, Future[list[Prepared]]] = {}
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
        the result of each. One whose aggregate is not finite is the last, and leaves all as it was.
        """
        started = time.perf_counter()
        *before, ready = self._prepared(first, until).result()
        with lost_process_named(first):
            if before:
                return self._several_exchanges(server, [*before, ready], first, until)
            count = min(len(ready.plans), until(first) - first + 1)
            rows = self.states.gather(ready.plans[0].client)
            server, rows, *rest = self.compiled(server, rows, ready, self.keys[-1], first, count)
            self._prepare_next(first + count, until)
            metrics, facts, done = jax.device_get(rest)
            if facts.counts[0]:  # Where clients keep something, it is one round.
                self.states.scatter(ready.plans[0].client, rows)
        each = (time.perf_counter() - started) / count
        if self.ahead:
            self._at_once = int(min(max(DISPATCH / each, 1), self.compiled.room))
        leaves = self.compiled.leaves
        return server, [
            result_of(leaves, ready.plans[k], self.population, *trees.row((metrics, facts), k))
            for k in range(done)
        ]

    def _several_exchanges(
        self,
        server: ServerState,
        ready: list[Prepared],
        number: int,
        until: Callable[[int], int],
    ) -> tuple[ServerState, list[RoundResult]]:
        """One round of an algorithm whose clients hear from the server more than once in it."""
        old_server, at = server, ready[0].plans[0].client
        rows = self.states.gather(at)
        began = (at, rows)
        self._prepare_next(number + 1, until)
        for exchange, prepared, key in zip(self.exchanges, ready, self.keys, strict=True):
            plan = prepared.plans[0]
            if not np.array_equal(at, plan.client):  # The clients go to other lanes.
                self.states.scatter(at, rows)
                at = plan.client
                rows = self.states.gather(at)
            server, rows, *rest = exchange(server, rows, prepared, key, number, 1)
            metrics, facts, _ = jax.device_get(rest)
            one = trees.row((metrics, facts), 0)
            result = result_of(exchange.leaves, plan, self.population, *one)
            if result.diverged or (exchange is self.compiled and result.void):
                self.states.scatter(*began)
                return old_server, [result]
        self.states.scatter(at, rows)
        if result.refused:  # What an earlier exchange made such a client keep is undone, too.
            cohort, old_rows = began
            refused = np.isin(cohort, list(result.refused))
            self.states.scatter(np.where(refused, cohort, self.population), old_rows)
        return server, [result]

    def _prepare_next(self, first: int, until: Callable[[int], int]) -> None:
        self._ahead = {first: self._prepared(first, until)} if self.ahead else {}

    def _prepared(self, first: int, until: Callable[[int], int]) -> Future[list[Prepared]]:
        """What each exchange of one dispatch needs of the host, perhaps still in the making."""
        if first in self._ahead:
            return self._ahead[first]
        numbers = range(first, min(first + self._at_once, until(first) + 1))

        def prepare() -> list[Prepared]:
            cohorts = [self.cohort_of(number) for number in numbers]
            return [
                each.place(
                    [each.plan(c, self.seed, n) for c, n in zip(cohorts, numbers, strict=True)]
                )
                for each in self.exchanges
            ]

        return self._planner.submit(prepare)


def result_of(
    leaves: list[str], plan: Plan, population: int, metrics: PyTree, facts: Facts
) -> RoundResult:
    """What one round gave; `leaves` are the paths of an update's."""
    reasons, at_fault = metrics.pop("refused"), metrics.pop("leaf")
    worked = plan.client < population
    taken, refused = worked & (reasons == 0), worked & (reasons != 0)
    told = zip(plan.client[refused], reasons[refused], at_fault[refused], strict=True)
    return RoundResult(
        plan.client[taken],
        jax.tree.map(lambda a: a[taken], metrics),
        {int(client): reason_of(reason, leaf, leaves) for client, reason, leaf in told},
        float(facts.norm),
        {name: float(value) for name, value in facts.measured.items()},
        bool(facts.counts),
        float(facts.weights),
        float(facts.step),
        facts.whole,
    )


def reason_of(reason: int, leaf: int, leaves: list[str]) -> str:
    """Why a message was refused; where its update is not finite, in which array first."""
    named = reason == NOT_FINITE and leaf < len(leaves)
    return REASONS[reason] + (f" (first in {leaves[leaf]})" if named else "")


def exchanges_before(algorithm: Algorithm) -> list[Algorithm]:
    """The exchanges that come before the main one in a round, in their order."""
    first = algorithm.first
    return [] if first is None else [*exchanges_before(first), first]
