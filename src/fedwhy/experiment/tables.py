"""The tables of an experiment file: which keys each may hold, and of which type.

Keys that belong to a named thing (a partition scheme, a zoo model, an algorithm) are read off the
signature of the function that builds it, so that a new one needs no line here.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal, Union, get_type_hints

import numpy as np
from pydantic import create_model

from fedwhy.aggregators import ATTACKS
from fedwhy.algorithms import ALGORITHMS, AVERAGES, SERVER_OPTIMIZERS, FullGradient, LocalSGD
from fedwhy.data import PARTITIONS, POISONS, SHIFTS
from fedwhy.experiment.file import Table
from fedwhy.models import ZOO
from fedwhy.simulation import Clock
from fedwhy.simulation.samplers import PATTERNS, SAMPLERS


class NamedData(Table):
    """`[data]`: a dataset by name, see `load`; images are resized to `resize = [height, width]`."""

    name: str = "digits"
    by: str | None = None
    resize: list[int] | None = None


class FileData(Table):
    """`[data]`: files of the user's own at `path`, see `read`.

    Of each client's examples the share `test` is kept to test on; `path` is seen from the
    experiment file.
    """

    path: str | list[str]
    client: str | None = None
    x: str | list[str] | None = None
    y: str | None = None
    classes: int | None = None
    split: str | None = None
    test: float = 0.2


class OwnData(Table):
    """`[data]`: `python = "module:function"` of the user's own, see `Experiment.data`."""

    python: str


class Partition(Table):
    """`[partition]`: how a central dataset is dealt to clients; the scheme has its own keys.

    Each client keeps the share `test` of its examples to test on; by default none.
    """

    name: str = "dirichlet"
    clients: int = 50
    seed: int = 0
    test: float | None = None


class Shift(Table):
    """`[shift]`: how clients' examples are changed before training; the shift has its own keys."""

    name: str = "noise"
    seed: int = 0


class Attack(Table):
    """`[attack]`: which clients send something else, see `attacking`; the attack has its own keys.

    `clients` are their positions, or their share of all clients, drawn by `seed`.
    """

    name: str = "sign_flip"
    clients: list[int] | float
    seed: int = 0


class Prepare(Table):
    """`[prepare]`: what is done to examples before the model, see `preparing.STEPS`."""

    resize: list[int] | None = None
    scale: float | None = None
    standardise: bool | str = False
    flatten: bool = False
    one_hot: bool = False


class ZooModel(Table):
    """`[model]`: a model of the zoo, with its options; `classes` is taken from the data."""

    name: str = "mlp"


class KerasModel(Table):
    """`[model]`: `keras = "module:function"` that returns a Keras model, and its Keras loss."""

    keras: str
    loss: str = "sparse_categorical_crossentropy"
    from_logits: bool = True


class OwnModel(Table):
    """`[model]`: `python = "module:function"` that returns a `fedwhy.Model`."""

    python: str


class Algorithm(Table):
    """`[algorithm]`: an algorithm by name, with its own keys."""

    name: str = "fedavg"


class AnyServer(Table):
    """`[server]` of any algorithm: by which average it is judged, and whom it trusts, see `trust`.

    An average of `AVERAGES` has its own keys.
    """

    averaging: str | None = None
    agreement: bool = False


class Server(AnyServer):
    """`[server]` of an algorithm that takes any server optimizer."""

    optimizer: str = "sgd"


class LocalSteps(Table):
    """What steps a client takes, see `LocalSGD`; `momentum` is for sgd and rmsprop."""

    optimizer: Literal["sgd", "adam", "adamw", "adagrad", "rmsprop", "delta_sgd", "line_search"] = (
        "sgd"
    )
    learning_rate: float = 0.1
    momentum: float = 0.0
    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 20
    clip_norm: float | None = None
    proximal: float = 0.0


class FineTune(LocalSteps):
    """`[fine_tune]`: how each client trains its model on its own once the run has ended.

    With `last_layer` it trains the last layer alone.
    """

    last_layer: bool = False


class Client(LocalSteps):
    """`[client]`: local training.

    `rate_decay` is for `rates.by_round`, the other `rate_` keys are those of `rates.by_examples`.
    """

    shuffle: bool | int = True
    drop_last: bool = False
    clip_tensor: float | None = None
    clip_update: float | None = None
    rate_decay: float | None = None
    rate_reference: float | None = None
    rate_least: float = 0.5
    rate_most: float = 2.0
    state: str = "average"
    personal: list[str] | None = None


class Augment(Table):
    """`[augment]`: how training batches are changed, see `preparing.AUGMENTATIONS`."""

    crop: int | None = None
    flip: bool = False
    rotation: float | None = None
    noise: float | None = None
    cutout: int | None = None
    mixup: float | None = None


class Sampler(Table):
    """`[sampler]`: which clients take part in a round; the sampler has its own keys."""

    name: str = "uniform"


class Availability(Table):
    """`[availability]`: who can be reached in a round; the pattern has its own keys."""

    name: str = "diurnal"


class Train(Table):
    """`[train]`: the round loop, see `train`; `patience` counts evaluations of the test loss.

    `lanes`, `devices` and `lowering` say how rounds are computed, see `Engine`.
    """

    rounds: int = 100
    cohort: int | float = 10
    seed: int = 0
    evaluate_every: int = 1
    evaluate_clients: bool = True
    checkpoint_every: int = 10
    patience: int | None = None
    lanes: int | Literal["auto"] = "auto"
    devices: int | Literal["auto"] = "auto"
    lowering: str = "auto"


# Arguments that stand for objects, which no file can write down, or that other tables give.
NOT_WRITTEN = (
    *("algorithm", "model", "client", "server", "shape", "within", "times"),
    *("rule", "link", "noise"),
)


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """What a file may set of a function's or dataclass's arguments: name to (type, default).

    Those that it cannot write down, such as a model or an array, are left out; of arguments that
    may be an array, the other types stay.
    """
    hints = get_type_hints(function)
    if not inspect.isclass(function):
        hints.pop("return", None)
    return {
        name: (written(hints[name]), ... if p.default is p.empty else p.default)
        for name, p in inspect.signature(function).parameters.items()
        if name not in NOT_WRITTEN
    }


def allowed(hint: Any) -> tuple[Any, ...]:
    """The members of a union type, or the type itself."""
    return getattr(hint, "__args__", (hint,))


def written(hint: Any) -> Any:
    """A type without the arrays among its members."""
    members = tuple(member for member in allowed(hint) if member is not np.ndarray)
    return Union[members] if len(members) < len(allowed(hint)) else hint  # noqa: UP007


def extend(base: type[Table], fields: dict[str, Any]) -> type[Table]:
    """`base` with further fields."""
    return create_model(base.__name__, __base__=base, **fields)


SERVER_KEYS = {key for optimizer in SERVER_OPTIMIZERS.values() for key in keywords(optimizer)}


def partition_table(scheme: str) -> type[Table]:
    """`[partition]` for one scheme."""
    return extend(Partition, keywords(PARTITIONS[scheme]))


def shift_table(name: str) -> type[Table]:
    """`[shift]` for one shift; where that is of some clients, by positions or as a share of all."""
    fields = keywords(SHIFTS[name])
    if name in POISONS:
        fields["clients"] = (list[int] | float, ...)
    return extend(Shift, fields)


def attack_table(name: str) -> type[Table]:
    """`[attack]` for one attack."""
    return extend(Attack, keywords(ATTACKS[name]))


def sampler_table(name: str) -> type[Table]:
    """`[sampler]` for one sampler."""
    return extend(Sampler, keywords(SAMPLERS[name]))


def availability_table(name: str) -> type[Table]:
    """`[availability]` for one pattern."""
    return extend(Availability, keywords(PATTERNS[name]))


def clock_table() -> type[Table]:
    """`[clock]`: how long clients take, see `Clock`."""
    return extend(Table, keywords(Clock))


def zoo_table(name: str) -> type[Table]:
    """`[model]` for one model of the zoo."""
    fields = keywords(ZOO[name].build)
    if ZOO[name].classifies:
        fields["classes"] = (int | None, None)
    return extend(ZooModel, fields)


def algorithm_table(name: str) -> type[Table]:
    """`[algorithm]` for one algorithm: its keywords that are not its server's."""
    own = {k: v for k, v in keywords(ALGORITHMS[name]).items() if k not in SERVER_KEYS}
    if "weighting" in own:
        own["cap"] = (float | None, None)
    return extend(Algorithm, own)


def server_table(name: str, optimizer: str, averaging: str | None = None) -> type[Table]:
    """`[server]` for one algorithm: its server's parameters, or those of a chosen optimizer."""
    average = keywords(AVERAGES[averaging]) if averaging else {}
    if takes_server(name):
        return extend(Server, keywords(SERVER_OPTIMIZERS[optimizer]) | average)
    own = {k: v for k, v in keywords(ALGORITHMS[name]).items() if k in SERVER_KEYS}
    return extend(AnyServer, own | average)


def client_table(name: str) -> type[Table]:
    """`[client]` for one algorithm: how it trains locally, or how it passes over the data."""
    hint = get_type_hints(ALGORITHMS[name])["client"]
    return extend(Table, keywords(FullGradient)) if FullGradient in allowed(hint) else Client


def takes_server(name: str) -> bool:
    """Whether the algorithm takes any server optimizer."""
    return "server" in inspect.signature(ALGORITHMS[name]).parameters


def local_keys(table: type[LocalSteps]) -> tuple[str, ...]:
    """The keys of a table that are those of `LocalSGD`, but for the optimizer."""
    return tuple(k for k in keywords(LocalSGD) if k in table.model_fields and k != "optimizer")
