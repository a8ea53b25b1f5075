"""`decode_example`: the tensors in a serialized `tf.train.Example`.

A message in the protocol buffer encoding is a row of fields, each a key (its number, and how its
value is written) and a value (https://protobuf.dev/programming-guides/encoding). The messages
here, with the numbers of their fields:

    Example   1 features: Features
    Features  1 feature: map<string, Feature>, whose entries have 1 key and 2 value
    Feature   one of 1 bytes_list, 2 float_list, 3 int64_list, with the values in field 1
"""

from collections.abc import Iterator

import numpy as np

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
LONGEST_VARINT = 10


def decode_example(message: bytes) -> dict[str, np.ndarray]:
    """The features by name: float32, int64, or object arrays of bytes, `[values]` each.

    Raises `ValueError` with the byte at which the message is broken.
    """
    features = {}
    for start, end in parts(message, 0, len(message), 1):
        for entry in parts(message, start, end, 1):
            names = [message[a:b] for a, b in parts(message, *entry, 1)]
            values = [decode_feature(message, a, b) for a, b in parts(message, *entry, 2)]
            if names and values and values[-1] is not None:
                features[names[-1].decode()] = values[-1]
    return features


def decode_feature(message: bytes, start: int, end: int) -> np.ndarray | None:
    """The values of a `Feature`; None where it has none of the three lists."""
    values = None
    for number, wire, a, b in fields(message, start, end):
        if wire != LENGTH:
            continue
        if number == 1:
            found = [message[c:d] for c, d in parts(message, a, b, 1)]
            values = np.fromiter(found, object, len(found))
        elif number == 2:
            values = np.concatenate([np.empty(0, np.float32), *floats(message, a, b)])
        elif number == 3:
            values = np.concatenate([np.empty(0, np.int64), *integers(message, a, b)])
    return values


def floats(message: bytes, start: int, end: int) -> Iterator[np.ndarray]:
    """The values of a `FloatList`, packed into one field or not."""
    for number, wire, a, b in fields(message, start, end):
        if number == 1 and wire in (LENGTH, FOUR_BYTES):
            if (b - a) % 4:
                raise ValueError(f"byte {a}: {b - a} bytes are no row of float32 values")
            yield np.frombuffer(message[a:b], "<f4")


def integers(message: bytes, start: int, end: int) -> Iterator[np.ndarray]:
    """The values of an `Int64List`, packed into one field or not."""
    for number, wire, a, b in fields(message, start, end):
        if number == 1 and wire in (LENGTH, VARINT):
            yield varints(np.frombuffer(message[a:b], np.uint8), a)


def varints(octets: np.ndarray, at: int) -> np.ndarray:
    """Packed numbers as int64: each is its octets' low 7 bits, the lowest first."""
    last = octets < 0x80
    if last.all():
        return octets.astype(np.int64)
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if not last[-1] or lengths.max() > LONGEST_VARINT:
        raise ValueError(f"byte {at}: a number is cut short or longer than 10 bytes")
    place = np.arange(len(octets)) - np.repeat(starts, lengths)
    bits = (octets & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.bitwise_or.reduceat(bits, starts).view(np.int64)


def parts(message: bytes, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the values of field `wanted` begin and end that are text, bytes or messages."""
    for number, wire, a, b in fields(message, start, end):
        if number == wanted and wire == LENGTH:
            yield a, b


def fields(message: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields between two bytes: number, how the value is written, where it begins and ends."""
    at = start
    while at < end:
        key, a = varint(message, at, end)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            b = varint(message, a, end)[1]
        elif wire == LENGTH:
            length, a = varint(message, a, end)
            b = a + length
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            b = a + (8 if wire == EIGHT_BYTES else 4)
        else:
            raise ValueError(f"byte {at}: {wire} is no way to write a value")
        if b > end:
            raise ValueError(f"byte {at}: a field ends at byte {b}, outside its message")
        yield number, wire, a, b
        at = b


def varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """The number that begins at a byte, and the byte after it."""
    value = 0
    for place in range(LONGEST_VARINT):
        if at + place >= end:
            break
        octet = message[at + place]
        value |= (octet & 0x7F) << (7 * place)
        if octet < 0x80:
            return value, at + place + 1
    raise ValueError(f"byte {at}: a number is cut short or longer than 10 bytes")
