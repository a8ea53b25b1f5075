"""`Engine`: runs rounds of an algorithm on a federated dataset."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.plan import Plan, make_plan
from fedwhy.engine.program import ClientState, RoundProgram
from fedwhy.errors import whole_number

PyTree = Any


@dataclass(frozen=True)
class Engine:
    """How rounds are run: clients side by side in `lanes` streams.

    The result does not depend on the lanes beyond float rounding.
    """

    lanes: int = 1

    def __post_init__(self):
        whole_number("lanes", self.lanes, at_least=1)


class RoundResult(NamedTuple):
    """What one round gives.

    `clients` int64 `[n]` are the positions of the clients that worked, `metrics` a pytree of
    NumPy arrays `[n, ...]` in the same order, `aggregate_norm` the norm of the mean update.
    """

    server: ServerState
    states: ClientState
    clients: np.ndarray
    metrics: dict[str, Any]
    aggregate_norm: float


class Rounds:
    """The compiled rounds of one algorithm on one dataset; call `run` for each."""

    def __init__(self, algorithm: Algorithm, data: FederatedDataset, engine: Engine):
        self.algorithm, self.data, self.engine = algorithm, data, engine
        self.program = RoundProgram(algorithm)
        self.arrays = jax.device_put((data.x, data.y))
        self._convolves: bool | None = None

    def run(
        self, server: ServerState, states: ClientState, cohort: np.ndarray, seed: int, round: int
    ) -> RoundResult:
        """Runs round number `round` with the clients at positions `cohort` int `[n]`.

        Raises `DataError` where no client of the cohort has a batch to train on.
        """
        batching = self.algorithm.client.batching
        plan = make_plan(self.data, batching, cohort, self.engine.lanes, seed, round)
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), round))
        run = self._stepwise if self._steps_outside_loop(server) else self._whole
        server, states, metrics, norm = run(server, states, plan, self.arrays, keys)
        real = plan.client < self.data.clients
        metrics = jax.tree.map(lambda a: np.asarray(a)[real], metrics)
        return RoundResult(server, states, plan.client[real], metrics, float(norm))

    @cached_property
    def _whole(self):
        program = self.program

        @jax.jit
        def run(server, states, plan: Plan, arrays, keys):
            carry = program.begin(server, states, plan, keys)
            carry = jax.lax.fori_loop(
                0,
                plan.length,
                lambda t, carry: program.advance(t, carry, server, plan, arrays, keys),
                carry,
            )
            return program.end(server, states, carry, plan, keys)

        return run

    @cached_property
    def _stepwise(self):
        begin = jax.jit(self.program.begin)
        advance = jax.jit(self.program.advance, donate_argnums=1)
        end = jax.jit(self.program.end)

        def run(server, states, plan: Plan, arrays, keys):
            plan = jax.device_put(plan)
            carry = begin(server, states, plan, keys)
            for t in range(int(plan.length)):
                carry = advance(t, carry, server, plan, arrays, keys)
            return end(server, states, carry, plan, keys)

        return run

    def _steps_outside_loop(self, server: ServerState) -> bool:
        """Whether steps are dispatched one by one.

        On CPU, XLA runs a convolution inside a loop about ten times slower than outside.
        """
        if self._convolves is None:
            model, example = self.algorithm.model, jax.tree.map(lambda a: a[:2], self.arrays[0])
            traced = jax.make_jaxpr(
                lambda weights, x: model.apply(*weights, x, jax.random.key(0), True)
            )(server.weights, example)
            self._convolves = "conv_general_dilated" in str(traced)
        return self._convolves and jax.default_backend() == "cpu"
