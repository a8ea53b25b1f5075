"""`LocalSGD`: the usual client work, minibatch training with any optax optimizer."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Message
from fedwhy.algorithms.algorithm import Batch, ClientWork
from fedwhy.data import Batching
from fedwhy.data.augmentation import Augmentation, Chain
from fedwhy.errors import ParameterError, number, one_of
from fedwhy.federated import trees
from fedwhy.models import Model, Weights

PyTree = Any

STATE_RULES = ("average", "client", "frozen")

# What a step's key is folded with for augmentation; models fold in 0, 1, 2, ...
AUGMENT = 0x7FFFFFFF


class Tally(NamedTuple):
    """Sums over the examples seen in local training: their number, loss and metrics."""

    count: jax.Array
    loss: jax.Array
    metrics: dict[str, PyTree]

    @staticmethod
    def zero(model: Model) -> "Tally":
        """The tally of no example."""
        metrics = {name: metric.zero for name, metric in model.metrics.items()}
        as_sum = jax.tree.map(lambda zero: jnp.asarray(zero, jnp.float32), metrics)
        return Tally(jnp.zeros(()), jnp.zeros(()), as_sum)

    def add(self, model: Model, losses: jax.Array, output: PyTree, batch: Batch) -> "Tally":
        """Adds one more batch of per-example `losses` float32 `[batch]`."""
        measured = {name: m.measure(output, batch.y) for name, m in model.metrics.items()}
        return Tally(
            self.count + jnp.sum(batch.mask),
            self.loss + masked_sum(losses, batch.mask),
            trees.add(self.metrics, jax.tree.map(lambda v: masked_sum(v, batch.mask), measured)),
        )


class Local(NamedTuple):
    """A client in the middle of its work."""

    weights: Weights
    optimizer: PyTree
    examples: jax.Array
    tally: Tally


@dataclass(frozen=True)
class LocalSGD:
    """Minibatch training at the client (ClientUpdate of McMahan et al. 2017, Algorithm 1).

    `optimizer` is any optax optimizer; it starts anew in every round. Either `epochs` or `steps`
    says how long a client trains. `drop_last` leaves out the last, smaller batch of an epoch.
    `clip_norm` clips each step's gradient to that global norm. `proximal` is the mu of FedProx
    (Li et al. 2020, eq. 2): `mu / 2 * |w - w_global|^2` is added to the loss.

    `state` says what happens to the model's state (what no gradient trains, such as moving
    statistics): `"average"` sends it and averages it like parameters, `"client"` keeps it at the
    client from round to round (evaluation still uses the server's), `"frozen"` leaves it as the
    server has it.

    `augment` is one augmentation or a tuple of them, such as `fw.augment.RandomFlip()`. It changes
    each training batch, before the model's preparation, by a key that follows from the seed, the
    round, the client and the step; evaluation never.

    A batch that is not full is filled up with its own examples, which count neither in the loss
    nor in the metrics; but batch normalisation takes its statistics over the repetitions too.
    """

    optimizer: optax.GradientTransformation
    epochs: int | None = None
    batch_size: int = 32
    steps: int | None = None
    shuffle: bool | int = True
    drop_last: bool = False
    clip_norm: float | None = None
    proximal: float = 0.0
    state: str = "average"
    augment: Augmentation | tuple[Augmentation, ...] = ()

    def __post_init__(self):
        if self.epochs is None and self.steps is None:
            object.__setattr__(self, "epochs", 1)
        if self.clip_norm is not None:
            number("clip_norm", self.clip_norm, above=0)
        number("proximal", self.proximal, at_least=0)
        one_of("state", self.state, STATE_RULES)
        for step in self.augmentations:
            if isinstance(step, type) or not callable(step):
                raise ParameterError(
                    "augment", f"expected augmentations such as RandomFlip(), given {step!r}"
                )
        _ = self.batching

    @property
    def batching(self) -> Batching:
        """How a client's examples become batches."""
        return Batching(
            batch_size=self.batch_size,
            epochs=self.epochs,
            steps=self.steps,
            shuffle=self.shuffle,
            drop_last=self.drop_last,
        )

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """What is done to training batches, one after another."""
        return self.augment if isinstance(self.augment, tuple) else (self.augment,)

    def work(self, model: Model) -> ClientWork:
        """Returns this training as client work for `model`; it receives the global `Weights`."""
        keep = self.state == "client"
        augment = Chain(self.augmentations) if self.augmentations else None

        def enrol(weights: Weights):
            return weights.state if keep else ()

        def start(broadcast: Weights, client_state: PyTree, examples, key) -> Local:
            weights = broadcast._replace(state=client_state) if keep else broadcast
            return Local(weights, self.optimizer.init(weights.params), examples, Tally.zero(model))

        def step(local: Local, batch: Batch, broadcast: Weights, key) -> Local:
            if augment:
                x, y = augment(jax.random.fold_in(key, AUGMENT), batch.x, batch.y)
                batch = batch._replace(x=x, y=y)

            def objective(params):
                output, state = model.apply(params, local.weights.state, batch.x, key, True)
                losses = model.loss(output, batch.y)
                loss = masked_sum(losses, batch.mask) / jnp.sum(batch.mask) + model.penalty(params)
                if self.proximal:
                    drift = trees.squared_norm(trees.subtract(params, broadcast.params))
                    loss += self.proximal / 2 * drift
                return loss, (losses, output, state)

            params = local.weights.params
            gradient, (losses, output, state) = jax.grad(objective, has_aux=True)(params)
            if self.clip_norm is not None:
                gradient = clip(gradient, self.clip_norm)
            update, optimizer = self.optimizer.update(gradient, local.optimizer, params)
            if self.state == "frozen":
                state = local.weights.state
            return Local(
                Weights(optax.apply_updates(params, update), state),
                optimizer,
                local.examples,
                local.tally.add(model, losses, output, batch),
            )

        def finish(local: Local, broadcast: Weights):
            update = trees.subtract(local.weights, broadcast)
            if self.state != "average":
                update = update._replace(state=jax.tree.map(jnp.zeros_like, update.state))
            metrics = {"totals": local.tally, "update_norm": trees.norm(update.params)}
            message = Message(update, local.examples.astype(jnp.float32))
            return message, local.weights.state if keep else (), metrics

        return ClientWork(self.batching, enrol, start, step, finish, augment)


def masked_sum(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Sum over the batch axis of `values` `[batch, ...]`, padding left out whatever it holds."""
    mask = mask.reshape(mask.shape + (1,) * (values.ndim - 1))
    return jnp.sum(jnp.where(mask > 0, values, 0), axis=0, dtype=jnp.float32)


def clip(gradient: PyTree, clip_norm: float) -> PyTree:
    """Scales `gradient` down to the global norm `clip_norm` where it is larger."""
    norm = trees.norm(gradient)
    return trees.scale(gradient, jnp.minimum(1.0, clip_norm / jnp.maximum(norm, 1e-30)))
