"""The zoo: models of the literature by name."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from fedwhy.errors import ModelError, ParameterError, suggest, whole_number
from fedwhy.models import networks
from fedwhy.models.keras_backend import use_keras
from fedwhy.models.keras_model import keras_model
from fedwhy.models.model import Model


class Entry(NamedTuple):
    """A model of the zoo.

    `build(shape, **options)` returns a Keras model for examples of that shape. `smallest` is the
    least height and width of its images, or None where inputs of any shape are flattened.
    """

    build: Callable[..., Any]
    summary: str
    source: str
    smallest: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of `build` and their defaults, without `classes`."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not p.empty}

    @property
    def classifies(self) -> bool:
        """Whether the model gives logits of classes; otherwise it is a regression."""
        return "classes" in inspect.signature(self.build).parameters


FEDAVG = "McMahan et al. 2017, Communication-Efficient Learning of Deep Networks, AISTATS"

ZOO: dict[str, Entry] = {
    "linear": Entry(
        networks.linear, "linear regression, mean squared error", "Legendre 1805; Gauss 1809"
    ),
    "softmax": Entry(
        networks.softmax, "softmax regression on flattened inputs", "Cox 1958, JRSS B 20(2)"
    ),
    "mlp": Entry(networks.mlp, "the 2NN: two hidden layers of 200 ReLU units", FEDAVG),
    "cnn": Entry(networks.cnn, "two 5x5 convolutions (32, 64 channels), 512 dense", FEDAVG, 1),
    "emnist_cnn": Entry(
        networks.emnist_cnn,
        "two 3x3 convolutions (32, 64 channels), 128 dense, dropout",
        "Reddi et al. 2021, Adaptive Federated Optimization, ICLR",
        6,
    ),
    "lenet": Entry(
        networks.lenet,
        "two 5x5 convolutions (6, 16 channels), 120 and 84 dense",
        "LeCun et al. 1998; as in NIID-Bench, Li et al. 2022, ICDE",
        16,
    ),
    "mobilenet": Entry(
        networks.mobilenet,
        "Keras's MobileNet, with batch or group normalisation",
        "Howard et al. 2017, MobileNets, arXiv:1704.04861",
        32,
    ),
}


def zoo_model(name: str, classes: int, **options: Any) -> Model:
    """See `Model.from_zoo`."""
    if name not in ZOO:
        raise ParameterError("name", f"unknown model {name!r}{suggest(str(name), list(ZOO))}")
    entry = ZOO[name]
    for option in options:
        if option not in entry.options:
            allowed = suggest(option, list(entry.options)) if entry.options else "; it has none"
            raise ParameterError(option, f"the model {name} has no such option{allowed}")
    losses = use_keras().losses
    if entry.classifies:
        options["classes"] = whole_number("classes", classes, at_least=2)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        loss = losses.MeanSquaredError()

    def build(shape: Any) -> Any:
        _check_shape(name, entry.smallest, shape)
        return entry.build(shape, **options)

    return keras_model(build, loss, metrics=())


def _check_shape(name: str, smallest: int | None, shape: Any) -> None:
    if not (isinstance(shape, tuple) and all(isinstance(size, int) for size in shape)):
        raise ModelError(f"{name} takes one array of inputs, given a tree of them.")
    if smallest is None:
        return
    if len(shape) != 3:
        raise ModelError(
            f"{name} needs images [batch, height, width, channels], but one example has shape "
            f"{shape}; reshape them (a grey image has 1 channel), or use mlp."
        )
    height, width, _ = shape
    if min(height, width) < smallest:
        raise ModelError(
            f"{name} needs images of at least {smallest}x{smallest} (given {height}x{width}); "
            "resize them, for example load(..., resize=(32, 32))"
        )
