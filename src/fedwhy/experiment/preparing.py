"""What the keys of `[prepare]` and `[augment]` stand for, in the order in which they act."""

from collections.abc import Callable
from typing import Any

from fedwhy.data import FederatedDataset, Preparation
from fedwhy.data import augmentation as augment
from fedwhy.data import preparation as prepare
from fedwhy.data.augmentation import Augmentation
from fedwhy.errors import ParameterError
from fedwhy.experiment.file import ExperimentFile


def resize(size: list[int]) -> prepare.Resize:
    """The step of `resize = [height, width]`."""
    if len(size) != 2:
        raise ParameterError("resize", f"expected [height, width], given {size!r}")
    return prepare.Resize(size[0], size[1])


def standardise(per: bool | str) -> prepare.Standardise:
    """The step of `standardise = true`, or of `"channel"` or `"all"`."""
    return prepare.Standardise() if per is True else prepare.Standardise(per=str(per))


STEPS: dict[str, Callable[[Any], Any]] = {
    "resize": resize,
    "scale": prepare.Scale,
    "standardise": standardise,
    "flatten": lambda _: prepare.Flatten(),
    "one_hot": lambda _: prepare.OneHot(),
}

AUGMENTATIONS: dict[str, Callable[[Any], Augmentation]] = {
    "crop": augment.RandomCrop,
    "flip": lambda _: augment.RandomFlip(),
    "rotation": augment.RandomRotation,
    "noise": augment.GaussianNoise,
    "cutout": augment.Cutout,
}


def built(
    file: ExperimentFile,
    table: str,
    values: dict[str, Any],
    makers: dict[str, Callable[[Any], Any]],
) -> list[Any]:
    """What the set keys of a table stand for; raises `ExperimentError` naming the key at fault."""
    found = []
    for key, make in makers.items():
        if values[key] is None or values[key] is False:
            continue
        try:
            found.append(make(values[key]))
        except ParameterError as error:
            raise file.error(f"{table}.{key}", error.message) from error
    return found


def preparation(
    file: ExperimentFile, values: dict[str, Any], clients: FederatedDataset
) -> Preparation | None:
    """The preparation of `[prepare]`, fitted on `clients`; None where it is left out."""
    steps = built(file, "prepare", values, STEPS)
    return Preparation(*steps).fit(clients) if steps else None


def augmentations(
    file: ExperimentFile, values: dict[str, Any], clients: FederatedDataset
) -> tuple[Augmentation, ...]:
    """The augmentations of `[augment]`; mixup makes labels one-hot of the classes of `clients`."""

    def mixup(alpha: float) -> augment.Mixup:
        return augment.Mixup(alpha, clients.classes)

    return tuple(built(file, "augment", values, {**AUGMENTATIONS, "mixup": mixup}))
