"""Choosing what an `Engine` leaves open, by measuring the candidates on a round's real work."""

import hashlib
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import FederatedDataset
from fedwhy.engine.cache import recall, remember
from fedwhy.engine.compiled import CompiledRounds
from fedwhy.engine.devices import by_lane, cores, place
from fedwhy.engine.engine import Engine, Settings
from fedwhy.engine.lowering import can_lower, lower
from fedwhy.engine.plan import Plan
from fedwhy.engine.program import enrol
from fedwhy.errors import EngineError
from fedwhy.federated import trees
from fedwhy.models import Model, Weights

log = logging.getLogger("fedwhy")

LONG_ENOUGH = 0.1  # seconds that a measurement takes, if the round has so much work
DECISIVE = 2.0  # how many times faster a way must be on two examples


def choose(
    engine: Engine,
    algorithm: Algorithm,
    data: FederatedDataset,
    server: ServerState,
    cohort: np.ndarray,
    seed: int,
) -> Settings:
    """`engine` with every `"auto"` settled for rounds like that of `cohort`.

    The choice is remembered for the model, its batches and the machine, so that runs that ought to
    be the same are, to the last bit.
    """
    lowering = can_lower(algorithm.model, server.weights, data.x) and choice_of_lowering(engine)
    settings = list(candidates(engine, len(cohort), lowering is not False))
    if len(settings) == 1 and lowering is not None:
        return settings[0]
    key = fingerprint(engine, settings, algorithm, data, server, len(cohort))
    if known := recall(key):
        return Settings(**known)
    batch_size = algorithm.client(algorithm.model).batching.batch_size
    if lowering is None and not lowering_pays(algorithm.model, server.weights, data, batch_size):
        settings = [replace(candidate, lowering=False) for candidate in settings]
    log.info("measuring %d ways to run the rounds of this model", len(settings))
    best, shortest = settings[0], float("inf")
    for candidate in settings:
        compiled = CompiledRounds(algorithm, data, server, len(cohort), candidate)
        try:
            seconds = seconds_per_step(compiled, algorithm, server, cohort, seed, shortest)
        except EngineError as error:  # So many lanes do not fit; more would not either.
            log.info("%s: %s", candidate, error)
            break
        log.info("%s: %.3g ms a step", candidate, 1e3 * seconds)
        if seconds < shortest:
            best, shortest = candidate, seconds
    return Settings(**remember(key, asdict(best)))


def choice_of_lowering(engine: Engine) -> bool | None:
    """Whether a model that can be lowered is; None where it must be measured.

    On other devices than CPUs XLA's own operations are the faster ones.
    """
    if engine.lowering != "auto":
        return engine.lowering == "on"
    if jax.default_backend() != "cpu":
        return False
    return None if jax.process_count() == 1 else True


def lowering_pays(model: Model, weights: Weights, data: FederatedDataset, batch_size: int) -> bool:
    """Whether the gradient of a batch's loss, in a loop, takes less time with lowering.

    Without it, a batch may take minutes; two examples tell, unless both ways are close.
    """
    for examples in (2, batch_size):
        lowered, plain = (
            seconds_per_gradient(way, weights, data, examples) for way in (lower(model), model)
        )
        log.info("%d examples: %.3g s with lowering, %.3g s without", examples, lowered, plain)
        if not 1 / DECISIVE < lowered / plain < DECISIVE:
            break
    return lowered < plain


def seconds_per_gradient(
    model: Model, weights: Weights, data: FederatedDataset, examples: int
) -> float:
    """Seconds that a gradient step on the first `examples` of `data` takes, in a loop."""
    x, y = jax.tree.map(lambda a: jnp.asarray(a[:examples]), (data.x, data.y))

    @jax.jit
    def run(params, times):
        def loss(params):
            output, _ = model.apply(params, weights.state, x, jax.random.key(0), True)
            return jnp.mean(model.loss(output, y))

        def step(_, params):
            return trees.subtract(params, jax.grad(loss)(params))

        return jax.lax.fori_loop(0, times, step, params)

    jax.block_until_ready(run(weights.params, 0))  # Compiles.
    steps, taken = 1, 0.0
    while taken < LONG_ENOUGH / 4:
        steps *= 2
        start = time.perf_counter()
        jax.block_until_ready(run(weights.params, steps))
        taken = time.perf_counter() - start
    return taken / steps


def candidates(engine: Engine, cohort: int, lowering: bool) -> Iterator[Settings]:
    """The lanes and devices worth measuring, the likeliest first.

    On CPU one lane on each core as a device of its own, or one lane that all cores share; on other
    devices all of them, with ever more lanes.
    """
    cpu = jax.default_backend() == "cpu"
    every = len(jax.devices())
    if engine.devices != "auto":
        devices = [engine.devices]
    elif cpu and jax.process_count() == 1:
        devices = sorted({min(every, cores(), cohort), 1}, reverse=True)
    else:
        devices = [every]
    for number in devices:
        if engine.lanes != "auto":
            lanes = [engine.lanes]
        elif cpu:
            lanes = [1]
        else:
            lanes = [4**k for k in range(8) if 4**k < 4 * cohort / number]
        for each in lanes:
            yield Settings(each, number, lowering)


def local_settings() -> Settings:
    """Every device of this process, for work outside of rounds."""
    cpu = jax.default_backend() == "cpu"
    return Settings(1, len(jax.local_devices()), lowering=cpu)


def seconds_per_step(
    compiled: CompiledRounds,
    algorithm: Algorithm,
    server: ServerState,
    cohort: np.ndarray,
    seed: int,
    shortest: float,
) -> float:
    """Seconds that one local step takes, all lanes taken together.

    A few steps of a round are run, and more where they are over too soon to tell; a way that is
    far behind `shortest` is given up at once.
    """
    plan = compiled.plan(cohort, seed, 1)
    key = np.asarray(jax.random.key_data(jax.random.key(seed)))
    one = enrol(algorithm, server.weights)
    states = jax.tree.map(lambda a: np.broadcast_to(a, (*plan.client.shape, *a.shape)), one)
    states = place(states, by_lane(compiled.mesh))

    def seconds(plan: Plan) -> float:
        ready = compiled.place([plan])
        start = time.perf_counter()
        jax.block_until_ready(compiled(server, states, ready, key, 1, 1))
        return time.perf_counter() - start

    longest = int(plan.begin.max())
    steps = 1
    seconds(shortened(plan, steps))  # Compiles.
    while True:
        part = shortened(plan, steps)
        taken = min(seconds(part) for _ in range(2))
        each = taken / int(part.begin[:, -1].sum())
        if taken > LONG_ENOUGH or steps >= longest or each > 10 * shortest:
            return each
        steps *= 4


def shortened(plan: Plan, steps: int) -> Plan:
    """The plan of the first `steps` steps of each lane."""
    begin = np.minimum(plan.begin, steps)
    return plan._replace(begin=begin, clients=(begin[:, 1:] > begin[:, :-1]).sum(1, dtype=np.int32))


def fingerprint(
    engine: Engine,
    settings: list[Settings],
    algorithm: Algorithm,
    data: FederatedDataset,
    server: ServerState,
    cohort: int,
) -> str:
    """Names what a choice depends on: candidates, machine, versions, the model and its batches."""
    model = algorithm.model
    batch = algorithm.client(model).batching
    x = jax.tree.map(lambda a: jax.ShapeDtypeStruct((2, *a.shape[1:]), a.dtype), data.x)
    traced = jax.make_jaxpr(lambda w, x: model.apply(*w, x, jax.random.key(0), True))(
        server.weights, x
    )
    text = re.sub(r"0x[0-9a-f]+", "", str(traced))  # Addresses change from run to run.
    device = jax.devices()[0].device_kind
    parts = (
        engine,
        settings,
        device,
        cores(),
        jax.__version__,
        version("fedwhy"),
        batch,
        cohort,
        text,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
