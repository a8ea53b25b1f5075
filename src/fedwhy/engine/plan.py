"""The plan of a round: which examples each lane works on, step by step, as NumPy index arrays."""

import heapq
from typing import Any, NamedTuple

import numpy as np

from fedwhy.data import Batching, FederatedDataset, batch_rows
from fedwhy.errors import DataError


class Steps(NamedTuple):
    """The local steps of all lanes; axes `[steps, lanes]` first. Inside a lane: scalars.

    - `rows` int32 `[..., batch]`: rows of the flat example arrays
    - `mask` float32 `[..., batch]`: 1 for an example, 0 for padding
    - `slot` int32: the client's place in its lane
    - `number` int32: the step's number within its client's work, from 0
    - `first`, `last` bool: whether the step begins or ends a client's work
    - `active` bool: False where a lane is over before the longest is
    """

    rows: Any
    mask: Any
    slot: Any
    number: Any
    first: Any
    last: Any
    active: Any


class Plan(NamedTuple):
    """A cohort packed into lanes: streams in which each client's steps follow one another.

    - `steps`: see `Steps`; only the first `length` (int32 scalar) are ever visited
    - `client` int32 `[lanes, slots]`: the client's position in the population; where a lane has
      fewer clients than slots, the population's size, which no client has
    - `examples` int32 `[lanes, slots]`: how many examples the client holds
    """

    steps: Steps
    length: Any
    client: Any
    examples: Any


def make_plan(
    data: FederatedDataset,
    batching: Batching,
    cohort: np.ndarray,
    lanes: int,
    seed: int,
    round: int,
) -> Plan:
    """Packs `cohort` (positions of clients in `data`) into `lanes` lanes of nearly equal length.

    Which examples a client visits, and in which order, depends on the seed, the round and the
    client alone, never on the lanes. The arrays' length is rounded up to a power of two, so that
    few shapes are ever compiled. Raises `DataError` where no client of the cohort has a batch.
    """
    sizes = data.sizes[cohort]
    width = min(batching.batch_size, data.largest)
    rows, client, number = batch_rows(
        batching, sizes, data.offsets[cohort], cohort, seed, round, width
    )
    counts = np.bincount(client, minlength=len(cohort))
    working = np.flatnonzero(counts)
    if not len(working):
        raise DataError(
            f"round {round}: none of the {len(cohort)} clients of the cohort fills a batch of "
            f"{batching.batch_size}, and drop_last leaves smaller ones out; "
            "set drop_last = false, or a smaller batch_size"
        )
    lane_of, slot_of, start_of, lengths = pack(counts, working, lanes)
    length = int(lengths.max())
    shape = (1 << (length - 1).bit_length(), lanes)
    # Slots for the worst packing, so that every cohort of one size compiles alike.
    slots = len(cohort) if lanes == 1 else int(np.bincount(lane_of[working]).max())
    slots = min(len(cohort), 1 << (slots - 1).bit_length())

    batch = rows.shape[1]
    steps = Steps(
        rows=np.zeros((*shape, batch), np.int32),
        mask=np.zeros((*shape, batch), np.float32),
        slot=np.zeros(shape, np.int32),
        number=np.zeros(shape, np.int32),
        first=np.zeros(shape, bool),
        last=np.zeros(shape, bool),
        active=np.zeros(shape, bool),
    )
    at = (start_of[client] + number, lane_of[client])
    steps.rows[at] = pad_with_own(rows)
    steps.mask[at] = rows >= 0
    steps.slot[at] = slot_of[client]
    steps.number[at] = number
    steps.first[at] = number == 0
    steps.last[at] = number == counts[client] - 1
    steps.active[at] = True

    clients = np.full((lanes, slots), data.clients, np.int32)
    examples = np.ones((lanes, slots), np.int32)
    clients[lane_of[working], slot_of[working]] = cohort[working]
    examples[lane_of[working], slot_of[working]] = sizes[working]
    return Plan(steps, np.int32(length), clients, examples)


def pack(
    counts: np.ndarray, working: np.ndarray, lanes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Deals clients with `counts` steps to lanes, the longest first, each to the shortest lane.

    Returns for each client its lane, its place in the lane and its first step there, and for each
    lane its length (the longest-processing-time rule of Graham 1969: at most 4/3 of the optimum).
    """
    lane_of, slot_of, start_of = (np.zeros(len(counts), np.int32) for _ in range(3))
    lengths, clients = np.zeros(lanes, np.int64), np.zeros(lanes, np.int32)
    shortest = [(0, lane) for lane in range(lanes)]
    for client in working[np.argsort(-counts[working], kind="stable")]:
        length, lane = heapq.heappop(shortest)
        lane_of[client], slot_of[client], start_of[client] = lane, clients[lane], length
        clients[lane] += 1
        lengths[lane] = length + counts[client]
        heapq.heappush(shortest, (int(lengths[lane]), lane))
    return lane_of, slot_of, start_of, lengths


def pad_with_own(rows: np.ndarray) -> np.ndarray:
    """Fills padding (-1) by repeating the batch's own examples, `[steps, batch]`.

    The mask keeps padding out of losses and metrics; what a layer computes across the batch, as
    batch normalisation does, must not see another client's examples either.
    """
    filled = np.maximum((rows >= 0).sum(axis=1, keepdims=True), 1)
    return np.take_along_axis(rows, np.arange(rows.shape[1])[None, :] % filled, axis=1)
