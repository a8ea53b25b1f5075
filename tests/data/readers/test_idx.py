"""`read_idx`."""

import gzip
import hashlib
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fedwhy.data.readers.idx import read_idx
from fedwhy.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array):
    """The bytes of an idx file, as its description has them."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda code: arrays.arrays(code, arrays.array_shapes(max_dims=4, max_side=4))
    ),
    st.booleans(),
)
def test_every_type_and_shape_is_read(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / "array"
    path.write_bytes(gzip.compress(idx(array)) if compressed else idx(array))
    found = read_idx(path)
    assert (found.dtype, found.dtype.isnative) == (array.dtype, True)
    np.testing.assert_array_equal(found, array)
    found[...] = 0  # The caller's own.


def test_mnist_is_the_one_that_is_known(shared_data):
    images = read_idx(shared_data / "mnist" / "train-images-idx3-ubyte.gz")
    labels = read_idx(shared_data / "mnist" / "train-labels-idx1-ubyte.gz")
    assert images.shape == (60_000, 28, 28)
    assert hashlib.md5(idx(images)).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    # LeCun's page: a tenth each, roughly; the counts are those of every other reader.
    assert np.bincount(labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
    ]  # fmt: skip


IMAGE = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))
HUGE = b"\0\0\x08\x04" + b"\xff" * 16
WRONG = {
    "empty": (b"", "begins with nothing, not as an idx file"),
    "magic": (b"\x89PNG" + IMAGE, "begins with 89 50 4e 47, not as an idx file"),
    "type": (b"\0\0\x0a\x01" + IMAGE[4:], "begins with 00 00 0a 01, not as an idx file"),
    "no dimensions": (b"\0\0\x08\0", "announces 0 dimensions at byte 3; expected 1 to 32"),
    "dimensions": (b"\0\0\x08\xff" + IMAGE, "announces 255 dimensions at byte 3"),
    "header cut": (IMAGE[:9], "ends within its header of 12 bytes"),
    "values cut": (gzip.compress(IMAGE[:-1]), "uint8[3, 4], 12 bytes, but ends after 11 of them"),
    "values cut, plain": (IMAGE[:-5], "announces uint8[3, 4], 12 bytes, but ends after 7 of them"),
    "more than it can hold": (IMAGE[:11] + b"\xff", "uint8[3, 255], 765 bytes, more than it can"),
    "trailing": (IMAGE + b"!", "goes on at byte 24, after its uint8[3, 4], 12 bytes"),
    "trailing, compressed": (gzip.compress(IMAGE + b"!"), "goes on at byte 24"),
    "no values": (b"\0\0\x08\x02\0\0\0\0\0\0\0\x05", "holds no values, its shape is [0, 5]"),
    "absurd": (HUGE, "more than it can hold; fetch it again"),
    "absurd, compressed": (gzip.compress(HUGE), "more than it can hold; fetch it again"),
    "gzip cut": (gzip.compress(IMAGE)[:-9], "cannot be read (Compressed file ended"),
    "gzip checksum": (gzip.compress(IMAGE)[:-8] + b"\0" * 8, "cannot be read (CRC check failed"),
    "gzip header": (b"\x1f\x8b\xff" + gzip.compress(IMAGE)[3:], "cannot be read (Unknown compr"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_file_is_refused_by_name(fault, tmp_path):
    content, message = WRONG[fault]
    path = tmp_path / "array"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_idx(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "nothing")


def test_values_that_are_only_announced_take_no_memory(tmp_path):
    path = tmp_path / "array"
    # As large as a file of its size could be, by its compression.
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\x7f\xff\xff\xff"))
    tracemalloc.start()
    with pytest.raises(DataError):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
