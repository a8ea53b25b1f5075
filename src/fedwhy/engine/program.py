"""One round as pure traced functions: `begin`, one `advance` per step, `end`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.algorithms import Algorithm, Batch, ServerState
from fedwhy.engine.plan import Plan, Steps
from fedwhy.federated import trees
from fedwhy.models import Weights

PyTree = Any

# What a client's key is folded with; its steps take 0, 1, 2, ...
START, ENCODE = 0x7FFFFFFE, 0x7FFFFFFF


class ClientState(NamedTuple):
    """What a client keeps between rounds, for its work and for its part of the aggregator."""

    work: PyTree
    aggregator: PyTree


class Carry(NamedTuple):
    """The round so far; every leaf has the axis `[lanes]` first.

    `local` is the client at work, `total` the sum of encoded messages, `states` and `metrics`
    `[lanes, slots, ...]` hold what each client of the lane keeps and reports.
    """

    local: PyTree
    total: PyTree
    states: ClientState
    metrics: PyTree


def enrol(algorithm: Algorithm, weights: Weights, clients: int) -> ClientState:
    """The states of `clients` new clients, axis `[clients]` first."""
    one = ClientState(algorithm.client.enrol(weights), algorithm.aggregator.enrol(weights))
    return trees.repeat(one, clients)


class RoundProgram:
    """The three functions of a round of `algorithm`, to be compiled by whoever runs them.

    `keys` is the pair (clients' key, server's key) of the round.
    """

    def __init__(self, algorithm: Algorithm):
        self.algorithm = algorithm

    def begin(self, server: ServerState, clients: ClientState, plan: Plan, keys) -> Carry:
        """Empty lanes; gathers the cohort's client states."""
        states = jax.tree.map(lambda a: a.at[plan.client].get(mode="clip"), clients)
        local, total, metrics = jax.eval_shape(
            self._one_client, server, trees.row(states, (0, 0)), keys
        )

        def empty(tree: PyTree, axes: tuple[int, ...]) -> PyTree:
            return jax.tree.map(lambda leaf: jnp.zeros((*axes, *leaf.shape), leaf.dtype), tree)

        lanes, slots = plan.client.shape
        return Carry(
            empty(local, (lanes,)), empty(total, (lanes,)), states, empty(metrics, (lanes, slots))
        )

    def advance(self, t, carry: Carry, server: ServerState, plan: Plan, data, keys) -> Carry:
        """Step `t` of every lane."""

        def advance_lane(carry: Carry, step: Steps, client, examples) -> Carry:
            return self._advance_lane(carry, step, client, examples, server, data, keys)

        lanes = (carry, trees.row(plan.steps, t), plan.client, plan.examples)
        if len(plan.client) > 1:
            return jax.vmap(advance_lane)(*lanes)
        # Under vmap a conditional computes both of its branches; a single lane is spared that.
        return jax.tree.map(lambda a: a[None], advance_lane(*trees.row(lanes, 0)))

    def end(self, server: ServerState, clients: ClientState, carry: Carry, plan: Plan, keys):
        """Joins the lanes and lets the server step; returns (server, clients, metrics, norm).

        `metrics` has the axes `[lanes, slots]` first; `norm` is that of the aggregate.
        """
        total = jax.tree.map(lambda a: jnp.sum(a, axis=0), carry.total)
        decode, step = self.algorithm.aggregator.decode, self.algorithm.server
        aggregate, memory = decode(total, server.aggregator, keys[1])
        server = step(server._replace(aggregator=memory), aggregate)
        clients = trees.set_row(clients, plan.client, carry.states)
        return server, clients, carry.metrics, trees.norm(aggregate)

    def _advance_lane(
        self, carry: Carry, step: Steps, client, examples, server: ServerState, data, keys
    ) -> Carry:
        """One step of one lane; `client` and `examples` int32 `[slots]`."""
        work = self.algorithm.client
        broadcast = self.algorithm.broadcast(server)
        state = trees.row(carry.states, step.slot)
        key = jax.random.fold_in(keys[0], client[step.slot])

        local = jax.lax.cond(
            step.first,
            lambda: work.start(
                broadcast, state.work, examples[step.slot], jax.random.fold_in(key, START)
            ),
            lambda: carry.local,
        )
        x, y = trees.row(data, step.rows)
        batch = Batch(x, y, step.mask)
        moved = work.step(local, batch, broadcast, jax.random.fold_in(key, step.number))
        local = trees.select(step.active, moved, local)

        def finish():
            encoded, states, metrics = self._finish(local, state, broadcast, server, key)
            return carry._replace(
                total=trees.add(carry.total, encoded),
                states=trees.set_row(carry.states, step.slot, states),
                metrics=trees.set_row(carry.metrics, step.slot, metrics),
            )

        return jax.lax.cond(step.last, finish, lambda: carry)._replace(local=local)

    def _finish(self, local, state: ClientState, broadcast, server: ServerState, key):
        """The end of a client's work: (encoded message, client state, metrics)."""
        message, work_state, metrics = self.algorithm.client.finish(local, broadcast)
        encoded, aggregator_state = self.algorithm.aggregator.encode(
            message, state.aggregator, server.aggregator, jax.random.fold_in(key, ENCODE)
        )
        return encoded, ClientState(work_state, aggregator_state), metrics

    def _one_client(self, server: ServerState, state: ClientState, keys):
        """A client that starts and finishes at once: its local, encoded message and metrics."""
        broadcast = self.algorithm.broadcast(server)
        local = self.algorithm.client.start(broadcast, state.work, jnp.int32(1), keys[0])
        encoded, _, metrics = self._finish(local, state, broadcast, server, keys[0])
        return local, encoded, metrics
