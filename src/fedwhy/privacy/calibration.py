"""Calibration: the least noise that keeps a promised epsilon."""

from fedwhy.errors import number, whole_number
from fedwhy.parameters import Positive, checked
from fedwhy.privacy.accounting import Accountant, accountant_for, all_rounds, dp_accounting, fresh
from fedwhy.privacy.correlation import Correlation, Toeplitz
from fedwhy.privacy.sampling import Sampling

# Where the search begins. Less noise is hardly any, and takes long to account for.
LEAST = 0.1


@checked
def noise_for(
    target: Positive,
    *,
    sampling: Sampling,
    rounds: int,
    delta: float,
    accountant: Accountant = "pld",
    correlation: Correlation | None = None,
    exact: bool = True,
) -> float:
    """The least noise multiplier from 0.1 on, with which `rounds` rounds spend at most `target`.

    Privacy losses are told apart so finely that it is about 1e-5 too large; where it need not be
    `exact`, less finely, for a tenth of the time and 1e-3 too large. It is never too small.
    """
    dp = dp_accounting()
    rounds = whole_number("rounds", rounds, at_least=1)
    number("delta", delta, above=0, below=1)
    kind, correlated = accountant_for(sampling, accountant), correlation or Toeplitz()

    def search(interval: float, bracket: object, tolerance: float) -> float:
        return dp.calibrate_dp_mechanism(
            lambda: fresh(sampling, kind, interval),
            lambda multiplier: all_rounds(multiplier, sampling, correlated, rounds),
            target,
            delta,
            bracket,
            tol=tolerance,
        )

    least = all_rounds(LEAST, sampling, correlated, rounds)
    account = fresh(sampling, kind, 0.0 if kind == "rdp" else target / 500)
    if account.compose(least).get_epsilon(delta) <= target:
        return LEAST  # The search needs a noise that is too little to begin with.
    begin = dp.LowerEndpointAndGuess(LEAST, 1.0)
    if kind == "rdp":
        return search(0.0, begin, 1e-6)
    coarse = search(target / 500, begin, 1e-4)
    if not exact:
        return coarse
    return search(target / 10_000, dp.ExplicitBracketInterval(0.99 * coarse, coarse), 1e-6)
