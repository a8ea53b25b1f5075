"""FW605: some clients send nothing of their own."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.data.arrays import take
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import consistently, rows_of, with_others
from fedwhy.diagnosis.edits.clients import named, replaced, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Suspicion

# A norm that is nothing, against the median; how equal two updates are that one was copied.
ZERO, EQUAL = 1e-6, 1e-5
# Cosines with what was trained: of what has nothing to do with it, and of what is sent as it is.
UNRELATED, FAITHFUL = 0.3, 0.9
# By so much more must one of two resemble what it trained, to be the one that was copied.
TRUER = 0.05
# The cosine with the others of one who works against them: that is more than riding along.
AGAINST = -0.3

UNRELATED_UPDATE = "an update that is not what it trained"
# What is said of each of the `Kinds`.
SENTENCES = ("the update zero", "another client's update", UNRELATED_UPDATE)


class Kinds(NamedTuple):
    """Which clients send zero, another client's update, or what they have not trained, bool."""

    zero: np.ndarray
    copied: np.ndarray
    unrelated: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """Who sends something, but nothing of its own."""
        return self.copied | self.unrelated


def suspect(evidence: Evidence) -> Suspicion | None:
    """Zero updates, copies of others', and updates that are not what the client has trained."""
    clients, trains = evidence.setup.clients, trained(evidence)

    def nothing(updates: Updates) -> np.ndarray:
        return zero(updates) & trains[updates.position]

    # Any number may be silent; they do not count among the others, of whom most are honest.
    silent = consistently(evidence, nothing, 1.0)
    at = [position for position, _ in silent]

    def dishonest(updates: Updates) -> np.ndarray:
        either = kinds(updates, clients).own | nothing(updates)
        return either & ~np.isin(updates.position, at)

    found = sorted({*silent, *consistently(evidence, dishonest)})
    if not found or evidence.updates is None:
        return None
    each = [(updates, kinds(updates, clients)) for updates in evidence.updates]
    what = {name: last_sent(each, (at, name)) for at, name in found}
    names = list(what)
    told = "; ".join(
        f"{named([n for n in names if what[n] == kind])} sends {kind}"
        if sum(what[n] == kind for n in names) == 1
        else f"{named([n for n in names if what[n] == kind])} each send {kind}"
        for kind in dict.fromkeys(what.values())
    )
    sure = not any(kind == UNRELATED_UPDATE for kind in what.values())
    return Suspicion(
        f"{told[0].upper()}{told[1:]}, which counts like what the others send",
        0.97 if sure else 0.75,
        {"clients": names, "sends": what},
        without_clients([position for position, _ in found], evidence.setup),
        replaced([position for position, _ in found], evidence.setup),
    )


def last_sent(each: Sequence[tuple[Updates, Kinds]], client: tuple[int, str]) -> str:
    """What a client that sends nothing of its own has sent, the last time that it did."""
    for updates, kind in reversed(each):
        rows = rows_of(updates, [client])
        for sentence, chosen in zip(SENTENCES, kind, strict=True):
            if chosen[rows].any():
                return sentence
    raise ValueError(f"{client} has sent something of its own")


def trained(evidence: Evidence) -> np.ndarray:
    """Which clients of the population take a local step at all; the others are FW114's."""
    if evidence.local is None:
        return np.ones(evidence.setup.clients.clients, bool)
    return evidence.local.steps > 0


def kinds(updates: Updates, clients: FederatedDataset) -> Kinds:
    """What each client sends; nothing is said of refused messages."""
    taken, nothing = taken_of(updates), zero(updates)
    there = taken & ~nothing
    usual = np.median(updates.fidelity[there]) if there.any() else 0.0
    # Where the others' arrive exactly as they were trained, less tells that one's is another.
    least = FAITHFUL if usual > 1 - EQUAL else UNRELATED
    turned = with_others(updates) < AGAINST
    unrelated = there & (usual > FAITHFUL) & (np.abs(updates.fidelity) < least) & ~turned
    return Kinds(nothing, there & copied(updates, clients), unrelated)


def zero(updates: Updates) -> np.ndarray:
    """Who sends nothing at all, beside the median of those who send something; bool `[clients]`.

    They may be a majority: what is zero in a round that moves others is no matter of opinion.
    """
    taken = taken_of(updates)
    sent = updates.norm[taken & (updates.norm > 0)]
    if not len(sent):
        return np.zeros(len(updates.norm), bool)
    return taken & (updates.norm <= ZERO * np.median(sent))


def taken_of(updates: Updates) -> np.ndarray:
    """Whose message was not refused, bool `[clients]`."""
    return np.array([not reason for reason in updates.refused], bool)


def copied(updates: Updates, clients: FederatedDataset) -> np.ndarray:
    """Who sends what another client sends, though their examples differ; bool `[clients]`.

    Of two, it is the one that has trained something else; both, where neither stands out.
    """
    found = np.zeros(len(updates.norm), bool)
    exact = np.nanmedian(updates.fidelity) > 1 - EQUAL
    pairs = np.argwhere(np.triu(updates.cosine > 1 - EQUAL, 1))
    for one, other in pairs:
        longer, shorter = sorted((updates.norm[one], updates.norm[other]), reverse=True)
        if longer - shorter > EQUAL * longer or same_examples(
            clients, int(updates.position[one]), int(updates.position[other])
        ):
            continue
        fidelity = updates.fidelity[[one, other]]
        if fidelity.min() > 1 - EQUAL:
            continue  # Both have trained it: they hold the same examples in another order.
        # Where links lose something, the one that was copied is not sent as it was trained either.
        own = fidelity > (1 - EQUAL if exact else fidelity.min() + TRUER)
        found[np.array([one, other])[~own]] = True
    return found


def same_examples(clients: FederatedDataset, one: int, other: int) -> bool:
    """Whether two clients hold the same examples in the same order."""
    held = [
        take((clients.x, clients.y), slice(*clients.offsets[at : at + 2])) for at in (one, other)
    ]
    return all(map(np.array_equal, *map(jax.tree.leaves, held)))


CAUSE = Cause("FW605", "Some clients send nothing of their own", suspect)
