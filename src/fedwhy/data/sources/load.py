"""`load`: a dataset by its name."""

from dataclasses import replace
from typing import Any

import numpy as np

from fedwhy.data.sources.catalogue import SOURCES
from fedwhy.data.sources.source import Source, Variant
from fedwhy.errors import ParameterError, one_of, suggest, whole_number


def load(name: str, by: str | None = None, resize: tuple[int, int] | None = None) -> Source[Any]:
    """Loads a dataset of `SOURCES`; its files come from the first place that has them.

    These are the folder that FEDWHY_DATA_DIR names, the user's cache, and the official place; what
    is read was checked by its digest. `by` chooses among natural clients (`"writer"` for EMNIST);
    a dataset that has none is for `partition` to deal out. `resize=(height, width)` resizes images
    bilinearly.

    Images are float32 `[examples, height, width, channels]` in 0..1, texts int32 `[examples,
    length]`, labels int32. Raises `ParameterError` for an unknown name, way or an impossible size,
    and `DataError` for a file that is damaged, or cannot be had.
    """
    source = variant(name, by).read()
    if resize is None:
        return source
    if not isinstance(resize, tuple | list) or len(resize) != 2:
        raise ParameterError("resize", f"expected (height, width), given {resize!r}")
    height, width = (whole_number("resize", side, at_least=1) for side in resize)
    if source.train.x.ndim != 4:
        raise ParameterError("resize", f"{name} holds no images; leave resize out")
    return Source(*(replace(part, x=resize_images(part.x, height, width)) for part in source))


def variant(name: str, by: str | None = None) -> Variant:
    """The way to read a dataset that `by` names, or the usual one; raises `ParameterError`."""
    entry = SOURCES[one_of("name", name, tuple(SOURCES))]
    by = entry.by if by is None else by
    if by not in entry.variants:
        known = [way for way in entry.variants if way]
        hint = suggest(str(by), known) if known else "; it has no natural clients: leave it out"
        raise ParameterError("by", f"{name} cannot be read by {by!r}{hint}")
    return entry.variants[by]


def resize_images(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images `[n, h, w, channels]` as float32 `[n, height, width, channels]`."""
    import jax.image

    shape = (len(images), height, width, images.shape[3])
    return np.asarray(jax.image.resize(images, shape, "bilinear"), np.float32)
