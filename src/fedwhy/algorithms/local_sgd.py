"""`LocalSGD`: the usual client work, minibatch training with any optax optimizer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import jax
import optax

from fedwhy.algorithms.algorithm import Client, ClientWork
from fedwhy.algorithms.per_example import PerExample
from fedwhy.algorithms.remedy import Remedy
from fedwhy.algorithms.training import Training
from fedwhy.data import Batching
from fedwhy.data.augmentation import Augmentation, Chain, Mixup
from fedwhy.errors import ParameterError, number, one_of
from fedwhy.federated import paths
from fedwhy.models import Model

PyTree = Any

STATE_RULES = ("average", "client", "frozen")


@dataclass(frozen=True)
class LocalSGD:
    """Minibatch training at the client (ClientUpdate of McMahan et al. 2017, Algorithm 1).

    `optimizer` is any optax optimizer; it starts anew in every round. Either `epochs` or `steps`
    says how long a client trains. `drop_last` leaves out the last, smaller batch of an epoch.
    `clip_norm` clips each step's gradient to that global norm, `clip_tensor` each of its tensors,
    `clip_update` the update that is sent. `rate(client)` is a factor of every step, a function of
    the `Client`: see `rates`. `proximal` is the mu of FedProx (Li et al. 2020, eq. 2):
    `mu / 2 * |w - w_global|^2` is added to the loss.

    `state` says what happens to the model's state (what no gradient trains, such as moving
    statistics): `"average"` sends it and averages it like parameters, `"client"` keeps it at the
    client from round to round (evaluation still uses the server's), `"frozen"` leaves it as the
    server has it.

    `personal` names parameters that stay at the client, by pattern (`"*dense_2/*"`), several
    patterns, or a function of the path; they begin as the server's, and are never sent.
    `trainable` names those that training changes, all of them by default; the others stay as they
    are, and are not sent.

    `augment` is one augmentation or a tuple of them, such as `fw.augment.RandomFlip()`. It changes
    each training batch, before the model's preparation, by a key that follows from the seed, the
    round, the client and the step; evaluation never. `remedy` is for algorithms.

    `private=PerExample(...)` hides single examples of a client from whoever sees what it sends.

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
    clip_tensor: float | None = None
    clip_update: float | None = None
    rate: Callable[[Client], jax.Array] | None = None
    proximal: float = 0.0
    state: str = "average"
    personal: paths.Filter = ()
    trainable: paths.Filter = paths.ALL
    augment: Augmentation | tuple[Augmentation, ...] = ()
    remedy: Remedy | None = None
    private: PerExample | None = None

    def __post_init__(self):
        if self.epochs is None and self.steps is None:
            object.__setattr__(self, "epochs", 1)
        for name in ("clip_norm", "clip_tensor", "clip_update"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), above=0)
        number("proximal", self.proximal, at_least=0)
        one_of("state", self.state, STATE_RULES)
        for step in self.augmentations:
            if isinstance(step, type) or not callable(step):
                raise ParameterError(
                    "augment", f"expected augmentations such as RandomFlip(), given {step!r}"
                )
        if self.private and self.remedy:
            raise ParameterError(
                "private",
                f"{self.remedy.name} changes gradients by what no noise hides; take fedavg, or "
                "another algorithm whose clients train as fedavg's do",
            )
        if self.private and any(isinstance(step, Mixup) for step in self.augmentations):
            raise ParameterError(
                "augment", "Mixup puts an example into the gradients of others; leave out private"
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
    def clips(self) -> bool:
        """Whether a step's gradient may be clipped."""
        return self.clip_norm is not None or self.clip_tensor is not None

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """What is done to training batches, one after another."""
        return self.augment if isinstance(self.augment, tuple) else (self.augment,)

    def shared(self, tree: PyTree) -> PyTree:
        """The part of a tree like the model's parameters that is sent.

        None stands for what is personal, or not trained.
        """
        return paths.split(paths.split(tree, self.personal)[1], self.trainable)[0]

    def with_personal(self, chosen: paths.Filter) -> Self:
        """Returns this training with further personal parameters, beside those it has."""
        return replace(self, personal=paths.either(self.personal, chosen))

    def with_remedy(self, remedy: Remedy) -> Self:
        """Returns this training with a remedy.

        Raises:
            ParameterError: it has one already, or keeps parameters personal that the remedy needs.
        """
        if self.remedy is not None:
            raise ParameterError(
                "client",
                f"{remedy.name} cannot be added to {self.remedy.name}: both change the gradient; "
                f"choose one",
            )
        if remedy.whole and self.personal:
            raise ParameterError(
                "personal",
                f"{remedy.name} compares what whole models learn from the server's weights, and "
                f"personal parameters are elsewhere; leave personal out",
            )
        return replace(self, remedy=remedy)

    def whole(self, algorithm: str) -> Self:
        """Returns this training; raises `ParameterError` where a part of the model is personal.

        It is for algorithms whose clients keep a whole model of their own.
        """
        for name, personal in (("personal", self.personal), ("state", self.state == "client")):
            if personal:
                raise ParameterError(
                    name,
                    f"clients of {algorithm} keep a whole model of their own, so no part of the "
                    f"global one can be personal too, given {getattr(self, name)!r}; leave it out",
                )
        return self

    def training(self, model: Model) -> Training:
        """Returns this training of `model` by its parts, for algorithms that join them anew.

        Raises `ParameterError` where it hides single examples, of which those know nothing.
        """
        if self.private is not None:
            raise ParameterError(
                "private", "this algorithm trains in a way of its own, which is not accounted for"
            )
        return self._training(model)

    def _training(self, model: Model) -> Training:
        augment = Chain(self.augmentations) if self.augmentations else None
        return Training(self, model, self.remedy or Remedy("none"), augment)

    def work(self, model: Model) -> ClientWork:
        """Returns this training as client work for `model`; it receives a `Broadcast`."""
        training = self._training(model)
        keeps = bool(self.personal) or self.state == "client"
        own = training.own if keeps else None
        steps = training.enrol, training.start, training.step, training.finish
        release = self.private.release if self.private else None
        return ClientWork(self.batching, *steps, training.augment, own, release)
