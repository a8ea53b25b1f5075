"""`[broadcast]`: what the server sends is made smaller as well, see `compressed_broadcast`.

    [broadcast]
    chain = ["rotated", "quantize"]
    quantize.bits = 8

What clients send is made smaller by pieces of `[aggregator]`.
"""

from fedwhy.aggregators import Link
from fedwhy.algorithms import Algorithm
from fedwhy.algorithms.compressed_broadcast import compressed_broadcast
from fedwhy.errors import ParameterError
from fedwhy.experiment.file import ExperimentFile
from fedwhy.experiment.pieces import Chain, built


def compressed(file: ExperimentFile, algorithm: Algorithm, values: Chain) -> Algorithm:
    """`algorithm`, whose server sends its model as the table tells."""
    link, *others = built(file, "broadcast", values)
    if others or not isinstance(link, Link):
        raise file.error(
            "broadcast.chain",
            'expected one piece that compresses, or one within "rotated", such as ["quantize"], '
            f"given {values.chain!r}",
        )
    try:
        return compressed_broadcast(algorithm, link)
    except ParameterError as error:
        key = "algorithm.name" if error.parameter == "algorithm" else "broadcast.chain"
        raise file.error(key, error.message) from error
