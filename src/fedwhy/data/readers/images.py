"""Images decoded by Pillow, all of one size."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np

from fedwhy.data.readers.extras import use
from fedwhy.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg")
GREY = {"1": "L", "L": "L", "I;16": "I;16"}


def read_image(source: Path | bytes, place: str) -> np.ndarray:
    """An image as uint8 `[height, width, channels]`, grey with 1 channel or in colour with 3.

    Grey ones of 16 bits come as uint16; transparency is dropped. Raises `DataError` for a file that
    is damaged or of another depth.
    """
    image = use("PIL.Image", "images", f"reading {place}")
    try:
        with image.open(BytesIO(source) if isinstance(source, bytes) else source) as opened:
            if opened.mode in ("I", "F"):
                raise DataError(f"{place}: has values of 32 bits; save it with 8 or 16 bits")
            pixels = np.asarray(opened.convert(GREY.get(opened.mode, "RGB")))
    except DataError:
        raise
    # Pillow lets through what its decoders raise.
    except (OSError, ValueError, SyntaxError, EOFError, image.DecompressionBombError) as error:
        raise DataError(f"{place}: is no readable image ({error})") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


def read_images(
    images: Iterable[tuple[Path | bytes, str]], like: np.ndarray | None = None
) -> np.ndarray:
    """Images with their places, as `[images, height, width, channels]`.

    Raises `DataError` for one of another size or number of channels than `like` or the first.
    """
    pixels = []
    for source, place in images:
        image = read_image(source, place)
        like = image if like is None else like
        if (image.shape, image.dtype) != (like.shape, like.dtype):
            raise DataError(
                f"{place}: is {describe(image)}, the first image {describe(like)}; resize and "
                "convert all images to one kind"
            )
        pixels.append(image)
    return np.stack(pixels)


def describe(image: np.ndarray) -> str:
    """Size and kind of an image."""
    height, width, channels = image.shape
    kind = "in colour" if channels == 3 else f"grey with {8 * image.itemsize} bits"
    return f"{width} x {height} pixels, {kind}"
