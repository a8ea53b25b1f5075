"""`CompiledRounds`: rounds of one algorithm on one dataset, compiled for one engine setting."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.devices import (
    by_lane,
    by_round,
    compiler_options,
    everywhere,
    make_mesh,
    memory_of,
    place,
)
from fedwhy.engine.engine import Settings
from fedwhy.engine.examples import Examples, examples
from fedwhy.engine.lowering import lower
from fedwhy.engine.plan import Cohort, Plan, first_shape, make_plan, stack
from fedwhy.engine.program import ClientState, Facts, enrol, rounds_program
from fedwhy.errors import EngineError
from fedwhy.federated.paths import paths

PyTree = Any

# The most rounds of one dispatch, and the most bytes of their plans.
MOST_ROUNDS, MOST_BYTES = 16, 2**24


class Prepared(NamedTuple):
    """All that rounds need of the host: their plans, in NumPy, and what lies on the devices.

    `placed` has the axis `[room]` first.
    """

    plans: list[Plan]
    placed: Plan
    arrays: PyTree


class CompiledRounds:
    """Call it to run rounds that were planned and placed.

    The program is compiled at the first call, and again only where a plan needs more steps. It has
    room for `room` rounds, however many are run, so that the result is the same to the last bit.
    That is one where the host is needed after each round: where clients keep something, where
    examples are gathered for each round, where processes must agree, and where this is one of
    several exchanges, which have `shared` examples.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        data: FederatedDataset,
        server: ServerState,
        cohort: int,
        settings: Settings,
        shared: Examples | None = None,
    ):
        model = algorithm.model
        work = algorithm.client(lower(model) if settings.lowering else model)
        self.data, self.batching, self.settings = data, work.batching, settings
        self.mesh = make_mesh(settings.devices)
        lanes = settings.lanes * settings.devices
        self.shape = first_shape(data.sizes, work.batching, cohort, lanes)
        self.examples = shared or examples(data, self.mesh)
        kept = jax.eval_shape(lambda: enrol(algorithm, server))
        self.leaves = paths(algorithm.message(server).update)
        several = algorithm.first is not None or shared is not None
        elsewhere = self.examples.arrays is None or jax.process_count() > 1
        alone = several or elsewhere or jax.tree.leaves(kept)
        width = min(work.batching.batch_size, data.largest)
        bytes_of_rows = 4 * lanes * self.shape.steps * width
        self.room = 1 if alone else max(min(MOST_ROUNDS, MOST_BYTES // bytes_of_rows), 1)
        program = rounds_program(algorithm, work, self.mesh, data.clients)

        def run(server: ServerState, states: ClientState, plans: Plan, arrays, key, first, count):
            key = jax.random.wrap_key_data(key)
            return program(server, states, plans, arrays, key, first, count)

        whole, split, rounds = everywhere(self.mesh), by_lane(self.mesh), by_round(self.mesh)
        # Other processes need metrics too; one that is alone reads them where they are.
        reported = rounds if jax.process_count() == 1 else whole
        self._run = jax.jit(
            run,
            in_shardings=(whole, split, rounds, whole, whole, whole, whole),
            out_shardings=(whole, split, reported, whole, whole),
            compiler_options=compiler_options(self.mesh),
        )

    def plan(self, cohort: Cohort, seed: int, round: int) -> Plan:
        """Plans one round."""
        plan = make_plan(self.data, self.batching, cohort, self.shape, seed, round)
        self.shape = self.shape._replace(steps=plan.rows.shape[1])
        return plan

    def place(self, plans: Sequence[Plan]) -> Prepared:
        """At most `room` plans, sent to the devices with the examples that they read."""
        moved, arrays = zip(*map(self.examples.gather, plans), strict=True)
        placed = place(stack(moved, self.room), by_round(self.mesh))
        return Prepared(list(plans), placed, arrays[0])

    def __call__(
        self,
        server: ServerState,
        states: ClientState,
        ready: Prepared,
        key: np.ndarray,
        first: int,
        count: int,
    ) -> tuple[ServerState, ClientState, PyTree, Facts, jax.Array]:
        """Runs `count` rounds of those that are ready, from round `first`.

        `states` are those of the plan's clients, `[lanes, slots, ...]`. Returns (server, states,
        metrics `[room, lanes, slots, ...]`, facts `[room]`, rounds done), which the devices may
        still be computing; see `rounds_program`. Raises `EngineError` where a device has too little
        memory.
        """
        numbers = np.int32(first), np.int32(count)
        arguments = (server, states, ready.placed, ready.arrays, key, *numbers)
        try:
            return self._run(*arguments)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise EngineError(self._does_not_fit(arguments)) from error

    def _does_not_fit(self, arguments: tuple[Any, ...]) -> str:
        """What to do about a round that needs more memory than a device has."""
        analysis: Any = self._run.lower(*arguments).compile().memory_analysis()
        room, lanes = memory_of(self.mesh), self.settings.lanes
        fixed = analysis.argument_size_in_bytes + analysis.output_size_in_bytes
        each = max(analysis.temp_size_in_bytes // lanes, 1)
        fits = max((room - fixed) // each, 0)
        advice = (
            f"about {fits} would fit: set lanes = {fits}"
            if 1 <= fits < lanes
            else "take a smaller batch_size or a smaller model"
        )
        return (
            f"a round in {lanes} lanes on each device needs {(fixed + each * lanes) / 1e9:.1f} GB, "
            f"and a device has {room / 1e9:.1f} GB; {advice}"
        )
