"""`Training`: what `LocalSGD` does at a client, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Message
from fedwhy.algorithms.algorithm import Batch, Broadcast, Client, Update
from fedwhy.algorithms.clipping import Clipped, clip
from fedwhy.algorithms.course import Course
from fedwhy.algorithms.per_example import PerExample
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.stepping import stepped
from fedwhy.algorithms.tally import Tally, masked_mean
from fedwhy.data.augmentation import Chain
from fedwhy.errors import ParameterError
from fedwhy.federated import paths, trees
from fedwhy.models import Model, Weights

if TYPE_CHECKING:
    from fedwhy.algorithms.local_sgd import LocalSGD

PyTree = Any

# What a step's key is folded with for augmentation; models fold in 0, 1, 2, ...
AUGMENT = 0x7FFFFFFF


class Local(NamedTuple):
    """A client in the middle of its work.

    `steps` int32 is how many it has taken, `memory` what its remedy remembers; `clipped` is None
    where gradients are taken as they are.
    """

    weights: Weights
    optimizer: PyTree
    client: Client
    steps: jax.Array
    memory: PyTree
    tally: Tally
    course: Course
    clipped: Clipped | None

    def seen(self, model: Model, losses: jax.Array, output: PyTree, batch: Batch) -> Local:
        """The client after one more batch of per-example `losses` float32 `[batch]`."""
        course = self.course.passed(masked_mean(losses, batch.mask), self.tally.count)
        return self._replace(tally=self.tally.add(model, losses, output, batch), course=course)


class Kept(NamedTuple):
    """What a client keeps between rounds: personal weights, and what its remedy keeps."""

    params: PyTree = ()
    state: PyTree = ()
    memory: PyTree = ()


class Training(NamedTuple):
    """`LocalSGD` of one model, as the functions of `ClientWork`."""

    sgd: LocalSGD
    model: Model
    remedy: Remedy
    augment: Chain | None

    def enrol(self, weights: Weights) -> Kept:
        """What a client keeps that has not trained yet."""
        params = ()
        if self.sgd.trainable != paths.ALL:
            paths.check_filter("trainable", self.sgd.trainable, weights.params)
        if self.sgd.private and self.sgd.state != "frozen" and jax.tree.leaves(weights.state):
            raise ParameterError(
                "private",
                "the model's state (such as moving statistics) would tell of examples what no "
                'noise hides; set state="frozen", or use a model without it',
            )
        if self.sgd.personal:
            paths.check_filter("personal", self.sgd.personal, weights.params)
            params, _ = paths.split(weights.params, self.sgd.personal)
        state = weights.state if self.sgd.state == "client" else ()
        return Kept(params, state, self.remedy.enrol(self.sgd.shared(weights.params)))

    def own(self, kept: Kept, broadcast: Broadcast) -> Weights:
        """The global weights, with the client's own in place of what is personal."""
        params, state = broadcast.weights
        if self.sgd.personal:
            params = paths.join(kept.params, params)
        return Weights(params, kept.state if self.sgd.state == "client" else state)

    def start(self, broadcast: Broadcast, kept: Kept, client: Client, key) -> Local:
        """The client before its first step."""
        weights = self.own(kept, broadcast)
        memory = self.remedy.start(kept.memory, broadcast, client)
        begin = self.remedy.optimizer
        trained, _ = self._trained(weights.params)
        optimizer = begin(broadcast) if begin else self.sgd.optimizer.init(trained)
        return Local(
            weights,
            optimizer,
            client,
            jnp.int32(0),
            memory,
            Tally.zero(self.model),
            Course.zero(),
            Clipped.zero() if self.sgd.clips else None,
        )

    def step(self, local: Local, batch: Batch, broadcast: Broadcast, key) -> Local:
        """One step of the optimizer on the loss of `batch`."""
        gradient, seen, search = self.gradient(local, batch, broadcast, key)
        return self.move(seen, gradient, **search)

    def gradient(
        self, local: Local, batch: Batch, broadcast: Broadcast, key
    ) -> tuple[PyTree, Local, dict[str, Any]]:
        """The gradient of `batch`, corrected but not clipped, and the client that has seen it.

        Also returns what an optimizer that searches along a line needs of the loss.
        """
        if self.augment:
            x, y = self.augment(jax.random.fold_in(key, AUGMENT), batch.x, batch.y)
            batch = batch._replace(x=x, y=y)

        def loss_of(params):
            output, state = self.model.apply(params, local.weights.state, batch.x, key, True)
            losses = self.model.loss(output, batch.y)
            loss = masked_mean(losses, batch.mask) + self.model.penalty(params)
            return loss, (losses, output, state)

        now = Step(local, batch, broadcast, key, self.model, lambda params: loss_of(params)[0])

        def objective(params):
            loss, aux = loss_of(params)
            if self.sgd.proximal:
                drift = self.sgd.shared(trees.subtract(params, broadcast.weights.params))
                loss += self.sgd.proximal / 2 * trees.squared_norm(drift)
            loss += self.remedy.penalty(self.sgd.shared(params), now)
            return loss, aux

        params, old_state = local.weights
        if self.sgd.private is not None:
            return self._private_gradient(self.sgd.private, local, batch, broadcast, key)
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params)
        losses, output, state = aux
        own = self.sgd.shared(gradient)
        corrected, memory = self.remedy.correct(own, now)

        def searched(trained: PyTree) -> jax.Array:
            """The objective, tilted so that its gradient here is the corrected one."""
            there = paths.join(trained, fixed)
            tilt, moved = trees.subtract(corrected, own), trees.subtract(there, params)
            return objective(there)[0] + trees.dot(tilt, self.sgd.shared(moved))

        seen = local.seen(self.model, losses, output, batch)._replace(
            weights=Weights(params, old_state if self.sgd.state == "frozen" else state),
            memory=memory,
        )
        _, fixed = self._trained(params)
        return paths.join(corrected, gradient), seen, {"value": loss, "value_fn": searched}

    def _private_gradient(
        self, private: PerExample, local: Local, batch: Batch, broadcast: Broadcast, key
    ) -> tuple[PyTree, Local, dict[str, Any]]:
        """`gradient`, in which every example has a bounded part and noise hides it.

        What does not depend on examples comes as it is.
        """
        params, state = local.weights

        def loss(params: PyTree, batch: Batch, key: jax.Array) -> jax.Array:
            output, _ = self.model.apply(params, state, batch.x, key, True)
            return jnp.sum(self.model.loss(output, batch.y))

        def without_examples(params: PyTree) -> jax.Array:
            drift = self.sgd.shared(trees.subtract(params, broadcast.weights.params))
            return self.model.penalty(params) + self.sgd.proximal / 2 * trees.squared_norm(drift)

        output, _ = self.model.apply(params, state, batch.x, key, True)
        seen = local.seen(self.model, self.model.loss(output, batch.y), output, batch)
        gradient = private.gradient(loss, params, batch, key)
        gradient = trees.add(gradient, jax.grad(without_examples)(params))
        return gradient, seen, {}

    def move(self, local: Local, gradient: PyTree, **search: Any) -> Local:
        """A step of the optimizer along any gradient; `search` is for optimizers that search."""
        params, state = local.weights
        trained, fixed = self._trained(params)
        gradient, _ = self._trained(gradient)
        bounded = gradient
        if self.sgd.clips:
            bounded, once = clip(gradient, self.sgd.clip_tensor, self.sgd.clip_norm)
            local = local._replace(clipped=trees.add(local.clipped, once))
        change, optimizer = stepped(
            self.sgd.optimizer,
            bounded,
            local.optimizer,
            trained,
            grad=gradient,
            **search,
        )
        if self.sgd.rate:
            change = trees.scale(change, self.sgd.rate(local.client))
        params = paths.join(optax.apply_updates(trained, change), fixed)
        weights = Weights(params, state)
        return local._replace(weights=weights, optimizer=optimizer, steps=local.steps + 1)

    def finish(self, local: Local, broadcast: Broadcast):
        """The message, what is kept, and metrics: see `ClientWork`."""
        update = trees.subtract(local.weights, broadcast.weights)
        shared = self.sgd.shared(update.params)
        extra, memory = self.remedy.finish(shared, local, broadcast)
        shared = self.remedy.send(shared, local)
        if self.sgd.clip_update is not None:
            shared = trees.clip(shared, self.sgd.clip_update)
        state, kept = update.state, Kept(memory=memory)
        if self.sgd.state != "average":
            state = jax.tree.map(jnp.zeros_like, state)
        if self.sgd.state == "client":
            kept = kept._replace(state=local.weights.state)
        if self.sgd.personal:
            kept = kept._replace(params=paths.split(local.weights.params, self.sgd.personal)[0])
        message = Message(
            Update(Weights(shared, state), extra),
            local.client.examples.astype(jnp.float32),
            local.client.chance,
        )
        metrics = {
            "totals": local.tally,
            "update_norm": trees.norm(shared),
            "course": local.course,
            "clipped": local.clipped,
        }
        return message, kept, metrics

    def _trained(self, params: PyTree) -> tuple[PyTree, PyTree]:
        """The part of a tree like the parameters that is trained, and the rest."""
        return paths.split(params, self.sgd.trainable)
