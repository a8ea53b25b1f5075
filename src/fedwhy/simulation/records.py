"""The record of a round: what its training gave, and `Evaluation`, what evaluation found."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from fedwhy.aggregators.compression.compressing import BLOCKS, REST
from fedwhy.algorithms import Algorithm, Clipped, Course, ServerState, Tally
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.engine import RoundResult, Rounds, mean_cosine, state_spread
from fedwhy.simulation.callbacks import Training
from fedwhy.simulation.evaluation import Evaluator
from fedwhy.simulation.personal import OwnModels
from fedwhy.simulation.samplers import Asynchronous
from fedwhy.simulation.scores import scores
from fedwhy.simulation.turn import Turn


def describe(training: Training, result: RoundResult, turn: Turn) -> dict[str, Any]:
    """The training part of a round's record; `simulated_seconds` are those of this round."""
    model, clients = training.algorithm.model, len(result.clients)
    measured = dict(result.measured)
    record = {
        "clients": clients,
        "refused": len(result.refused),
        "bytes_down": turn.bytes_down(training.traffic),
        "bytes_up": turn.bytes_up(training.traffic, clients + len(result.refused)),
    }
    if BLOCKS in measured:  # Lengths depend on the data; those of the main exchange.
        before = training.traffic._replace(up=training.traffic.up_before)
        record["bytes_up"] = turn.bytes_up(before, clients + len(result.refused))
        record["bytes_up"] += int(measured.pop(BLOCKS)) * 2**16 + int(measured.pop(REST))
    record |= measured
    if result.refused:
        ids = training.clients.ids
        reasons = {str(ids[client]): why for client, why in result.refused.items()}
        record |= {"void": result.void, "refused_clients": reasons}
    elif result.void:
        record |= {"void": True}
    if turn.seconds is not None:
        record |= {"simulated_seconds": turn.seconds, "late": turn.late}
    if isinstance(training.sampler, Asynchronous):
        staleness = turn.cohort.staleness
        record |= {"staleness_mean": float(staleness.mean()), "staleness_max": int(staleness.max())}
    record |= {"aggregate_norm": result.aggregate_norm, **change(training, result)}
    if not clients:  # Nobody was there, had a batch, or sent what could be taken.
        return record
    totals: Tally = jax.tree.map(lambda a: a.sum(axis=0), result.metrics["totals"])
    norms = result.metrics["update_norm"]
    return {
        **record,
        **{f"train_{name}": float(value) for name, value in scores(model, totals).items()},
        **local_course(result.metrics, training.clients.sizes[result.clients]),
        "update_norm_mean": float(norms.mean()),
        "update_norm_min": float(norms.min()),
        "update_norm_max": float(norms.max()),
        **agreement(result),
    }


def change(training: Training, result: RoundResult) -> dict[str, float]:
    """How long the global parameters are, and their change; nothing where none is the model's."""
    if not result.counts or training.algorithm.clustered:
        return {}
    return {"weights_norm": result.weights_norm, "step_norm": result.step_norm}


def local_course(metrics: Mapping[str, Any], examples: np.ndarray) -> dict[str, float]:
    """What local training tells of its steps, of clients with so many examples, int `[n]`."""
    record = {}
    course: Course | None = metrics.get("course")
    if course is not None:
        first, last = np.average(course.losses.astype(np.float64), axis=0, weights=examples)
        record |= {"local_loss_first": float(first), "local_loss_last": float(last)}
    clipped: Clipped | None = metrics.get("clipped")
    if clipped is not None:
        steps, bound, norm = (float(np.sum(each, dtype=np.float64)) for each in clipped)
        if steps:
            record |= {"clipped_steps": bound / steps, "gradient_norm": norm / steps}
    return record


def agreement(result: RoundResult) -> dict[str, float]:
    """How far messages agree, where a mean is made of them and they can be compared."""
    if result.whole is None:
        return {}
    parts = result.metrics["part"]
    found = {
        "update_cosine": mean_cosine(parts, result.whole),
        "state_spread": state_spread(parts, result.whole),
    }
    return {name: value for name, value in found.items() if value is not None}


class Evaluation:
    """Evaluates the global model on `test` and `test_clients`, and clients' own models on theirs.

    It is falsy where there is nothing to evaluate on.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        clients: FederatedDataset,
        test: Dataset | None,
        test_clients: FederatedDataset | None,
        rounds: Rounds,
    ):
        def evaluator(data: Dataset | FederatedDataset | None) -> Evaluator | None:
            if data is None:
                return None
            return Evaluator(algorithm.model, data, rounds.settings, rounds.arrays_of(data))

        self.algorithm, self.states = algorithm, rounds.states
        self.test, self.clients, self.own = evaluator(test), evaluator(test_clients), None
        if test_clients is not None and algorithm.client(algorithm.model).own:
            self.own = OwnModels(
                algorithm,
                clients,
                test_clients,
                rounds.server,
                rounds.settings,
                rounds.compiled.examples,
            )

    def __bool__(self) -> bool:
        return self.test is not None or self.clients is not None

    def __call__(self, server: ServerState) -> dict[str, Any]:
        """Loss and metrics as `train` records them; client states are those of the rounds."""
        weights, record = self.algorithm.evaluated(server), {}
        if self.test:
            scores, classes = self.test(weights)
            record |= {f"test_{name}": value for name, value in scores.weighted.items()}
            record |= classes.record("test") if classes else {}
        if self.clients:
            record |= self.clients(weights).scores.record("clients")
        if self.own:
            record |= self.own(server, self.states).record("personal")
        return record


def evaluated(record: dict[str, Any]) -> bool:
    """Whether a round's record holds an evaluation."""
    return "test_loss" in record or "clients_loss" in record
