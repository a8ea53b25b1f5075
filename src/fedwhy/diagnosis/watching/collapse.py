"""Predictions that collapse onto one class."""

from fedwhy.diagnosis.watching.seen import Event, Seen

# One or two evaluations may look so at the beginning, while biases settle.
EVALUATIONS = 3
# How much of the way from the base rate to 1 is one class alone.
NEARLY_ALL = 0.9


def collapse(seen: Seen) -> Event | None:
    """Nearly all of the test set is taken for one class, in several trained models in a row.

    Where it is always the same class, nothing makes the model move on; where the class changes,
    each round follows whoever took part in it.
    """
    if seen.base is None:
        return None
    shares = [r.get("test_predicted") for r in seen.evaluations if r["round"] > 0][-EVALUATIONS:]
    least = seen.base + NEARLY_ALL * (1 - seen.base)
    if len(shares) < EVALUATIONS or any(s is None or not max(s) >= least for s in shares):
        return None
    classes = [share.index(max(share)) for share in shares]
    same = len(set(classes)) == 1
    which = f"class {classes[-1]}" if same else "one class, and not always the same one"
    return Event(
        "collapse",
        f"{max(shares[-1]):.0%} of the test set is taken for {which}, in {EVALUATIONS} evaluations "
        "in a row; "
        + (
            "the learning rate may be too high"
            if same
            else "clients with few classes each may pull the model to and fro"
        ),
        "FW301" if same else "FW303",
    )
