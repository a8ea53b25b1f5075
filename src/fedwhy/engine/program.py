"""One round as a pure function: every lane walks its stream, one sum joins the lanes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fedwhy.aggregators import Stack, first_not_finite
from fedwhy.algorithms import Algorithm, Batch, Client, ClientWork, Round, ServerState
from fedwhy.engine.agreement import Whole, part_of, whole_of
from fedwhy.engine.devices import AXIS
from fedwhy.engine.plan import Plan
from fedwhy.federated import trees

PyTree = Any

# What a client's key is folded with; its steps take 0, 1, 2, ...
START, ENCODE = 0x7FFFFFFE, 0x7FFFFFFF


class ClientState(NamedTuple):
    """What a client keeps between rounds, for its work and for its part of the aggregator."""

    work: PyTree
    aggregator: PyTree


class Keys(NamedTuple):
    """The round's two sources of randomness: at the clients and at the server."""

    clients: jax.Array
    server: jax.Array


class Outcome(NamedTuple):
    """What a lane gives, or with the axis `[lanes]` first, lanes side by side.

    `total` is the sum of encoded messages, or where the aggregator stacks them, all of them
    `[slots, ...]`; `states` and `metrics` `[slots, ...]` are what each client keeps and reports.
    """

    total: PyTree
    states: ClientState
    metrics: PyTree


class Facts(NamedTuple):
    """What a round tells of its aggregate.

    - `norm` float32: of the aggregate; 0 where fewer messages were taken than it needs
    - `counts` bool: whether the norm is finite and so many messages were taken; else the round is
      to be forgotten
    - `measured`: what the aggregator measured, float32 scalars by name
    - `weights`, `step` float32: norms of the parameters that the round ends with, if it counts, and
      of their change
    - `whole`: the sum of messages, where they are added up to a mean; else None
    """

    norm: jax.Array
    counts: jax.Array
    measured: dict[str, jax.Array]
    weights: jax.Array
    step: jax.Array
    whole: Whole | None


def enrol(algorithm: Algorithm, server: ServerState) -> ClientState:
    """The state of a client that has not worked yet."""
    update = trees.zeros(algorithm.message(server).update)
    work = algorithm.client(algorithm.model)
    return ClientState(work.enrol(server.weights), algorithm.aggregator.enrol(update))


def round_program(
    algorithm: Algorithm, work: ClientWork, mesh: Mesh, population: int
) -> Callable[..., Any]:
    """Returns `run(server, states, plan, data, keys, number) -> (server, states, metrics, facts)`.

    `plan` holds the same number of lanes for each device of `mesh`. `states` and `metrics` are
    those of the cohort, `[lanes, slots, ...]`; `data` the flat arrays (x, y); `number` the
    round's; `facts` are `Facts`. A client whose message is refused keeps what it had, and its
    metrics hold the reason in `"refused"` and the number of the `"leaf"` at fault, beside its
    `"part"` in the mean.
    """
    lanes = PartitionSpec(AXIS)
    everywhere = PartitionSpec()
    aggregator = algorithm.aggregator
    stacks, planned = aggregator.stacks, planned_cohort(algorithm)

    def on_one_device(server, states, plan, data, keys, number):
        total, states, metrics = Lanes(algorithm, work, server, data, keys, number).walk(
            states, plan
        )
        if stacks:  # Every device has all messages, so that none waits for another in `decode`.
            total = jax.tree.map(lambda a: jax.lax.all_gather(a, AXIS, tiled=True), total)
        else:
            total = jax.tree.map(lambda a: jax.lax.psum(jnp.sum(a, axis=0), AXIS), total)
        return total, states, metrics

    on_all_devices = jax.shard_map(
        on_one_device,
        mesh=mesh,
        in_specs=(everywhere, lanes, lanes, everywhere, everywhere, everywhere),
        out_specs=(everywhere, lanes, lanes),
        check_vma=False,
    )

    def run(server: ServerState, states: ClientState, plan: Plan, data, keys: Keys, number):
        total, states, metrics = on_all_devices(server, states, plan, data, keys, number)
        taken = (plan.client < population) & (metrics["refused"] == 0)
        if stacks:
            whole = NamedSharding(mesh, everywhere)
            rows = jax.lax.with_sharding_constraint((plan.client, taken), whole)
            total = stack_of(total, *rows)
        whole = whole_of(algorithm, total, server)
        decoded = aggregator.decode(total, server.aggregator, keys.server)
        messages = jnp.sum(taken, dtype=jnp.int32)
        came = messages if planned is None else jnp.int32(planned)
        ends = Round(number, came, jnp.int32(population))
        before = server.weights.params
        server = server._replace(aggregator=decoded.state)
        server = algorithm.server(server, decoded.aggregate, ends)
        # Where privacy hides how many came, noise makes a round, also of nobody.
        enough = (messages >= aggregator.least) | (planned is not None)
        norm = jnp.where(enough, trees.norm(decoded.aggregate), 0.0)
        counts = enough & jnp.isfinite(norm)
        after = server.weights.params
        length, step = trees.norm(after), trees.norm(trees.subtract(after, before))
        facts = Facts(norm, counts, decoded.measured, length, step, whole)
        return server, states, metrics, facts

    return run


def planned_cohort(algorithm: Algorithm) -> int | None:
    """The number of clients that a round is planned for, where privacy hides how many came."""
    privacy = algorithm.aggregator.privacy
    return None if privacy is None else privacy.cohort


def stack_of(encoded: PyTree, position: jax.Array, taken: jax.Array) -> Stack:
    """The messages `[lanes, slots, ...]` of the clients at these positions, in one row."""
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), encoded)
    return Stack(flat, taken.reshape(-1), position.reshape(-1))


def rounds_program(
    algorithm: Algorithm, work: ClientWork, mesh: Mesh, population: int
) -> Callable[..., Any]:
    """Several rounds of `round_program` without the host in between.

    Returns `run(server, states, plans, data, key, first, count) -> (server, states, metrics,
    facts, done)`. `plans` have the axis `[rounds]` first, of which `count` are run, numbered from
    `first`; `metrics` `[rounds, lanes, slots, ...]` and `facts` `[rounds]` are those of the `done`
    rounds. A round whose norm is not finite leaves `server` alone, and is the last; one in which
    fewer messages were taken than the aggregator needs leaves it alone, too. Where clients keep
    something, there is room for one round, and `states` are to be forgotten unless it counts: a
    loop would copy them.
    """
    one_round = round_program(algorithm, work, mesh, population)

    def run(server: ServerState, states: ClientState, plans: Plan, data, key, first, count):
        @jax.jit  # Traced once for its shapes and for the loop.
        def next_round(server: ServerState, states: ClientState, number):
            keys = Keys(*jax.random.split(jax.random.fold_in(key, first + number)))
            plan = trees.row(plans, number)
            return one_round(server, states, plan, data, keys, first + number)

        def if_it_counts(moved: ServerState, facts: Facts, server: ServerState) -> ServerState:
            return jax.tree.map(lambda a, b: jnp.where(facts.counts, a, b), moved, server)

        if jax.tree.leaves(states):
            moved, states, metrics, facts = next_round(server, states, 0)
            metrics, facts = jax.tree.map(lambda a: a[None], (metrics, facts))
            server = if_it_counts(moved, trees.row(facts, 0), server)
            return server, states, metrics, facts, jnp.int32(1)

        _, _, metrics, facts = jax.eval_shape(next_round, server, states, 0)
        room = len(plans.clients)

        def goes_on(carry) -> jax.Array:
            _, _, facts, done = carry
            return (done < count) & jnp.isfinite(facts.norm[jnp.maximum(done - 1, 0)])

        def body(carry):
            server, metrics, facts, done = carry
            moved, _, *new = next_round(server, states, done)
            server = if_it_counts(moved, new[1], server)
            metrics, facts = trees.set_row((metrics, facts), done, tuple(new))
            return server, metrics, facts, done + 1

        start = (server, *trees.zeros((metrics, facts), room), jnp.int32(0))
        server, *rest = jax.lax.while_loop(goes_on, body, start)
        return server, states, *rest

    return run


class Lanes:
    """The lanes of one device in one round, while it is traced."""

    def __init__(
        self, algorithm: Algorithm, work: ClientWork, server: ServerState, data, keys, number
    ):
        self.algorithm, self.work = algorithm, work
        self.server, self.data, self.keys, self.number = server, data, keys, number
        self.broadcast = algorithm.broadcast(server)

    def walk(self, states: ClientState, plan: Plan) -> Outcome:
        """Every lane's stream; `states` and all of `plan` with the axis `[lanes]` first."""
        lanes, slots = plan.client.shape
        local, total, metrics = jax.eval_shape(self.one_client, trees.row(states, (0, 0)))
        room = (lanes, slots) if self.algorithm.aggregator.stacks else (lanes,)
        # New states are written beside the old: loops copy what they both read and write.
        outcome = Outcome(
            trees.zeros(total, *room), trees.zeros(states), trees.zeros(metrics, lanes, slots)
        )
        if lanes == 1:
            alone = self._walk_alone(*trees.row((outcome, states, plan), 0))
            return jax.tree.map(lambda a: a[None], alone)
        return self._walk_together(outcome, states, plan, trees.zeros(local, lanes))

    def _walk_alone(self, outcome: Outcome, states: ClientState, plan: Plan) -> Outcome:
        """One lane: a loop over its clients, and in it a loop over a client's steps."""

        def client(slot, outcome: Outcome) -> Outcome:
            local = self._start(states, plan, slot)
            local = jax.lax.fori_loop(
                plan.begin[slot],
                plan.begin[slot + 1],
                lambda t, local: self._step(local, plan, slot, t),
                local,
            )
            return self._finish(outcome, states, local, plan, slot)

        return jax.lax.fori_loop(0, plan.clients, client, outcome)

    def _walk_together(
        self, outcome: Outcome, states: ClientState, plan: Plan, local: PyTree
    ) -> Outcome:
        """Many lanes side by side: a step of each at a time, whichever client it belongs to.

        Under `vmap` a condition computes both of its branches, so whether any lane begins or ends
        a client is asked outside.
        """

        def step(t, carry):
            outcome, local, slot = carry
            begins, ends = (
                jnp.take_along_axis(plan.begin, (slot + k)[:, None], axis=1)[:, 0] for k in (0, 1)
            )
            active, first, last = t < plan.begin[:, -1], t == begins, t + 1 == ends
            local = when_any(first & active, jax.vmap(self._start), local, states, plan, slot)
            moved = jax.vmap(self._step, in_axes=(0, 0, 0, None))(local, plan, slot, t)
            local = select(active, moved, local)
            last &= active
            ended = (outcome, states, local, plan, slot)
            outcome = when_any(last, jax.vmap(self._finish), outcome, *ended)
            return outcome, local, jnp.minimum(slot + last, plan.client.shape[1] - 1)

        slot = jnp.zeros(len(plan.client), jnp.int32)
        steps = jnp.max(plan.begin)
        return jax.lax.fori_loop(0, steps, step, (outcome, local, slot))[0]

    def _key(self, plan: Plan, slot) -> jax.Array:
        return jax.random.fold_in(self.keys.clients, plan.client[slot])

    def _start(self, states: ClientState, plan: Plan, slot) -> PyTree:
        state = trees.row(states, slot)
        key = jax.random.fold_in(self._key(plan, slot), START)
        client = Client(
            plan.client[slot],
            plan.examples[slot],
            self.number,
            plan.staleness[slot],
            plan.chance[slot],
        )
        return self.work.start(self.broadcast, state.work, client, key)

    def _step(self, local: PyTree, plan: Plan, slot, t) -> PyTree:
        x, y = trees.row(self.data, plan.rows[t])
        mask = (jnp.arange(plan.rows.shape[1]) < plan.filled[t]).astype(jnp.float32)
        key = jax.random.fold_in(self._key(plan, slot), t - plan.begin[slot])
        return self.work.step(local, Batch(x, y, mask), self.broadcast, key)

    def _finish(
        self, outcome: Outcome, states: ClientState, local: PyTree, plan: Plan, slot
    ) -> Outcome:
        state, key = trees.row(states, slot), self._key(plan, slot)
        encoded, state, metrics = self._message(local, state, plan.client[slot], key)
        stacks = self.algorithm.aggregator.stacks
        return Outcome(
            trees.set_row(outcome.total, slot, encoded)
            if stacks
            else trees.add(outcome.total, encoded),
            trees.set_row(outcome.states, slot, state),
            trees.set_row(outcome.metrics, slot, metrics),
        )

    def _message(self, local: PyTree, state: ClientState, position, key: jax.Array):
        """The end of a client's work: (encoded message, client state, metrics).

        Where the message is refused it is zero, and the state is as it was.
        """
        aggregator = self.algorithm.aggregator
        message, work_state, metrics = self.work.finish(local, self.broadcast)
        message = message._replace(position=position)
        refused = aggregator.refusal(message)
        encoded, aggregator_state = aggregator.encode(
            message, state.aggregator, self.server.aggregator, jax.random.fold_in(key, ENCODE)
        )
        encoded, state = jax.tree.map(
            lambda new, old: jnp.where(refused == 0, new, old),
            (encoded, ClientState(work_state, aggregator_state)),
            (jax.tree.map(jnp.zeros_like, encoded), state),
        )
        part = part_of(self.algorithm, encoded, self.server)
        told = {"refused": refused, "leaf": first_not_finite(message.update), "part": part}
        return encoded, state, {**metrics, **told}

    def one_client(self, state: ClientState):
        """A client that starts and finishes at once: its local, encoded message and metrics."""
        key = self.keys.clients
        one = jnp.int32(1)
        client = Client(jnp.int32(0), one, one, jnp.int32(0), jnp.float32(1))
        local = self.work.start(self.broadcast, state.work, client, key)
        encoded, _, metrics = self._message(local, state, client.position, key)
        return local, encoded, metrics


def select(lanes: jax.Array, a: PyTree, b: PyTree) -> PyTree:
    """`a` in the lanes where bool `lanes` `[lanes]` holds, else `b`."""

    def leaf(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.where(lanes.reshape(lanes.shape + (1,) * (x.ndim - 1)), x, y)

    return jax.tree.map(leaf, a, b)


def when_any(lanes: jax.Array, function: Callable[..., PyTree], otherwise: PyTree, *args) -> PyTree:
    """`function(*args)` in the lanes where bool `lanes` holds, `otherwise` in the others."""
    return jax.lax.cond(
        jnp.any(lanes), lambda: select(lanes, function(*args), otherwise), lambda: otherwise
    )
