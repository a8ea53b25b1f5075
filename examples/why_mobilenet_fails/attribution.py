"""Parts of a gap: what each of several causes is worth, so that the parts add up to the gap.

What mending a cause brings depends on what is mended already: while the statistics are left behind,
nothing else brings anything. So causes are mended one after another in every possible order, and
each is given the mean of what it brought (Shapley 1953, A Value for n-Person Games).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise, permutations
from statistics import fmean

STATISTICS = "the statistics are left behind"
SHARDS = "a client holds two digits, not all ten"
APART = "ten clients train apart, and their models are averaged"


def in_order(causes: Sequence[str], score: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """What mending each cause brings, once those before it are mended.

    >>> in_order(["a", "b"], lambda mended: {0: 0.1, 1: 0.1, 2: 0.9}[len(mended)])
    {'a': 0.0, 'b': 0.8}
    """
    scores = [score(frozenset(causes[:number])) for number in range(len(causes) + 1)]
    return {cause: b - a for cause, (a, b) in zip(causes, pairwise(scores), strict=True)}


def parts(causes: Sequence[str], score: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """What each cause is worth; `score(mended)` is that of the run without the causes `mended`.

    >>> parts(["a", "b"], lambda mended: {0: 0.1, 1: 0.1, 2: 0.9}[len(mended)])
    {'a': 0.4, 'b': 0.4}
    """
    orders = [in_order(order, score) for order in permutations(causes)]
    return {cause: fmean(brought[cause] for brought in orders) for cause in causes}
