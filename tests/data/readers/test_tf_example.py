"""`decode_example`, against Google's protobuf library."""

from contextlib import suppress

import numpy as np
import pytest
from examples_proto import serialize
from hypothesis import given, settings
from hypothesis import strategies as st

from fedwhy.data.readers.tf_example import decode_example

DTYPES = {"bytes": object, "float": np.float32, "int64": np.int64}
values = st.one_of(
    st.tuples(st.just("bytes"), st.lists(st.binary(max_size=200), max_size=3)),
    st.tuples(st.just("float"), st.lists(st.floats(width=32, allow_nan=False), max_size=40)),
    st.tuples(st.just("int64"), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)),
    st.tuples(st.just("int64"), st.lists(st.integers(0, 127), max_size=40)),
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=10), values, max_size=5), st.booleans())
def test_features_are_those_that_were_serialized(features, packed):
    decoded = decode_example(serialize(features, packed))
    assert decoded.keys() == features.keys()
    for name, (kind, expected) in features.items():
        assert decoded[name].dtype == DTYPES[kind]
        assert decoded[name].tolist() == expected


MESSAGE = serialize({"a": ("int64", [1, 300]), "b": ("float", [1.5]), "c": ("bytes", [b"text"])})


def test_unknown_fields_are_skipped_and_features_without_values_left_out():
    extra = b"\x10\x96\x01" + b"\x19" + b"8 bytes." + b"\x25" + b"four" + b"\x2a\x02hi"
    entry = b"\x0a\x05\x0a\x03\x0a\x01d"  # Key d, no value.
    assert decode_example(extra + MESSAGE + extra + entry).keys() == {"a", "b", "c"}


@pytest.mark.parametrize("length", range(1, len(MESSAGE)))
def test_message_that_is_cut_is_refused(length):
    with pytest.raises(ValueError, match="byte "):
        decode_example(MESSAGE[:length])


NOT_UTF8 = serialize({"q": ("int64", [1])}).replace(b"q", b"\xff")


@pytest.mark.parametrize(
    "message",
    [b"\x0b", b"\xff" * 11, b"\x0a\xff\xff\xff\xff\x0f", NOT_UTF8],
    ids=["wire type 3", "endless number", "long past the end", "name not UTF-8"],
)
def test_broken_message_is_refused(message):
    with pytest.raises(ValueError):
        decode_example(message)


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(message):
    with suppress(ValueError):
        decode_example(message)
