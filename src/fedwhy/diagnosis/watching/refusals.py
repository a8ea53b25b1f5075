"""Clients whose updates keep being refused."""

from collections import Counter

from fedwhy.diagnosis.watching.seen import Event, Seen

# Once may be chance, such as a batch of rare examples; three times is a client that is broken.
TIMES = 3
# Clients that are named.
NAMED = 3


def refusals(seen: Seen) -> Event | None:
    """Of some clients several updates were refused; more such clients are a new event.

    Where most of a round's are, it is not the clients.
    """
    counts = Counter(c for r in seen.rounds for c in r.get("refused_clients", {}))
    again = [client for client, times in counts.most_common() if times >= TIMES]
    newest = seen.rounds[-1] if seen.rounds else {}
    reasons = newest.get("refused_clients", {})
    if not again or not reasons.keys() & set(again):
        return None
    names = ", ".join(again[:NAMED]) + (f" and {len(again) - NAMED} more" * (len(again) > NAMED))
    client = next(c for c in reasons if c in again)
    if newest["refused"] > newest["clients"]:
        words, code = "most clients send such updates: the learning rate may be too high", "FW301"
    elif "not finite" in reasons[client]:
        words, code = "look at the examples of these clients", "FW601"
    else:
        words, code = "these clients may be faulty, or hostile", "FW604"
    return Event(
        f"refused by {len(again).bit_length()}",
        f"updates of clients keep being refused ({names}), since {reasons[client]}; {words}",
        code,
    )
