"""`CompiledRound`: the round of one algorithm on one dataset, compiled for one engine setting."""

from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.devices import by_lane, compiler_options, everywhere, make_mesh, memory_of, place
from fedwhy.engine.engine import Settings
from fedwhy.engine.examples import examples
from fedwhy.engine.lowering import lower
from fedwhy.engine.plan import Plan, first_shape, make_plan
from fedwhy.engine.program import ClientState, Keys, round_program
from fedwhy.errors import EngineError

PyTree = Any


class Prepared(NamedTuple):
    """All that a round needs of the host: its plan, in NumPy, and what lies on the devices."""

    plan: Plan
    placed: Plan
    arrays: PyTree


class CompiledRound:
    """Call it to run a round that `prepare` has made ready.

    The program is compiled at the first call, and again only where a plan needs more room.
    """

    def __init__(
        self, algorithm: Algorithm, data: FederatedDataset, cohort: int, settings: Settings
    ):
        model = algorithm.model
        work = algorithm.client(lower(model) if settings.lowering else model)
        self.data, self.batching, self.settings = data, work.batching, settings
        self.mesh = make_mesh(settings.devices)
        lanes = settings.lanes * settings.devices
        self.shape = first_shape(data.sizes, work.batching, cohort, lanes)
        self.examples = examples(data, self.mesh)
        program = round_program(algorithm, work, self.mesh)

        def run(server: ServerState, states: ClientState, plan: Plan, arrays, key, round):
            keys = jax.random.split(jax.random.fold_in(jax.random.wrap_key_data(key), round))
            return program(server, states, plan, arrays, Keys(keys[0], keys[1]))

        whole, split = everywhere(self.mesh), by_lane(self.mesh)
        self._run = jax.jit(
            run,
            in_shardings=(whole, split, split, whole, whole, whole),
            out_shardings=(whole, split, whole, whole),
            compiler_options=compiler_options(self.mesh),
        )

    def prepare(self, cohort: np.ndarray, seed: int, round: int) -> Prepared:
        """Plans one round and sends what it reads to the devices."""
        plan = make_plan(self.data, self.batching, cohort, self.shape, seed, round)
        self.shape = self.shape._replace(steps=plan.rows.shape[1])
        return self.place(plan)

    def place(self, plan: Plan) -> Prepared:
        """A plan made ready to run."""
        moved, arrays = self.examples.gather(plan)
        return Prepared(plan, place(moved, by_lane(self.mesh)), arrays)

    def __call__(
        self, server: ServerState, states: ClientState, ready: Prepared, key: np.ndarray, round: int
    ) -> tuple[ServerState, ClientState, PyTree, jax.Array]:
        """Runs a round; `states` are those of the plan's clients, `[lanes, slots, ...]`.

        Returns (server, states, metrics `[lanes, slots, ...]`, norm of the aggregate), which the
        devices may still be computing. Raises `EngineError` where they have too little memory.
        """
        arguments = (server, states, ready.placed, ready.arrays, key, np.int32(round))
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
