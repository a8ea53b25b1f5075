"""`Facts`: what a record says about its run, with everything the summary leaves out filled in."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Record = Mapping[str, Any]

# What a run is judged by: the first of these that it has.
SCORES = (
    "test_accuracy",
    "test_loss",
    "clients_accuracy",
    "clients_loss",
    "train_accuracy",
    "train_loss",
)
ALGORITHMS = {
    "fedavg": "FedAvg",
    "fedavgm": "FedAvgM",
    "fedsgd": "FedSGD",
    "fedprox": "FedProx",
    "fedadam": "FedAdam",
    "fedyogi": "FedYogi",
    "fedadagrad": "FedAdagrad",
    "fedasync": "FedAsync",
    "fedbuff": "FedBuff",
    "fedexp": "FedExP",
    "scaffold": "SCAFFOLD",
    "fednova": "FedNova",
    "feddyn": "FedDyn",
    "feddc": "FedDC",
    "fedcm": "FedCM",
    "fedlin": "FedLin",
    "mime": "Mime",
    "mimelite": "MimeLite",
    "moon": "MOON",
    "qffl": "q-FFL",
    "afl": "AFL",
    "ditto": "Ditto",
    "pfedme": "pFedMe",
    "perfedavg": "Per-FedAvg",
    "apfl": "APFL",
    "fedala": "FedALA",
    "ifca": "IFCA",
    "cfl": "CFL",
    "fedper": "FedPer",
    "fedrep": "FedRep",
    "lg_fedavg": "LG-FedAvg",
    "fedbn": "FedBN",
    "fixbn": "FixBN",
}


class Score(NamedTuple):
    """The last and the best value of one metric.

    `round` is where the best was first reached, `at` where the last was measured.
    """

    metric: str
    last: float
    best: float
    round: int
    at: int


class Facts(NamedTuple):
    """A run's result; what the record does not tell is None."""

    algorithm: str
    dataset: str
    rounds: int
    planned: int | None
    clients: int | None
    cohort: int | None
    parameters: int | None
    seconds_per_round: float | None
    simulated_seconds: float | None
    score: Score | None
    own: Score | None  # of clients' own models
    tuned: tuple[str, float, float] | None  # a metric, before and after clients train on
    tested: bool
    epsilon: float | None  # of differential privacy, at `delta`
    delta: float | None
    diverged: int | None  # the first round of those at the end whose numbers are not finite
    stopped: str | None
    interrupted: bool


def facts(record: Record) -> Facts:
    """Reads a record; its summary goes first, then its rounds and settings."""
    summary, rounds = record.get("summary") or {}, record.get("rounds") or []
    settings, partition = record.get("settings") or {}, record.get("partition") or {}
    trained = [r for r in rounds if r["round"] > 0]
    planned, cohort = (table(settings, "train").get(key) for key in ("rounds", "cohort"))
    name = summary.get("algorithm") or table(settings, "algorithm").get("name") or "The algorithm"
    data = table(settings, "data")
    dataset = (
        summary.get("dataset") or data.get("name") or data.get("dataset") or partition.get("name")
    )
    seconds = [s for r in trained if (s := number(r.get("seconds"))) is not None]
    simulated = [s for r in trained if (s := number(r.get("simulated_seconds"))) is not None]
    median = statistics.median(seconds[1:] or seconds) if seconds else None  # the first compiles
    scores = [s for metric in SCORES if (s := score(record, metric))]
    return Facts(
        algorithm=ALGORITHMS.get(str(name), str(name)),
        dataset=str(dataset or "its data"),
        rounds=trained[-1]["round"] if trained else summary.get("rounds") or 0,
        planned=planned if isinstance(planned, int) else None,
        clients=summary.get("clients") or population(record)[0] or None,
        cohort=summary.get("cohort") or (cohort if isinstance(cohort, int) else None),
        parameters=summary.get("parameters"),
        seconds_per_round=number(summary.get("seconds_per_round")) or median,
        simulated_seconds=max(simulated, default=None),
        score=next((s for s in scores if s.at > 0), next(iter(scores), None)),
        own=score(record, "personal_accuracy") or score(record, "personal_loss"),
        tuned=tuned(record),
        tested=any(s.metric.startswith("test_") for s in scores),
        epsilon=number((record.get("privacy") or {}).get("epsilon")),
        delta=number((record.get("privacy") or {}).get("delta")),
        diverged=diverged(trained),
        stopped=summary.get("stopped") or None,
        interrupted=bool(summary.get("interrupted")),
    )


def tuned(record: Record) -> tuple[str, float, float] | None:
    """Accuracy, or else loss, before and after fine-tuning; None where there was none."""
    kept = record.get("fine_tuning") or {}
    for metric in ("accuracy", "loss"):
        before, after = (number(kept.get(f"{stage}_{metric}")) for stage in ("before", "after"))
        if before is not None and after is not None:
            return metric, before, after
    return None


def population(record: Record) -> tuple[int, int]:
    """How many clients and examples a partition has; 0 where it is not known."""
    partition = record.get("partition") or {}
    whole, sizes = partition.get("population") or {}, partition.get("sizes") or ()
    return whole.get("clients", len(sizes)), whole.get("examples", sum(sizes))


def score(record: Record, metric: str) -> Score | None:
    """The last and the best value of `metric`; None where it was never measured."""
    rounds, summary = record.get("rounds") or [], record.get("summary") or {}
    values = [(v, r["round"]) for r in rounds if (v := number(r.get(metric))) is not None]
    if not values and (last := number(summary.get(metric))) is not None:
        best = number(summary.get(f"best_{metric}"))
        end = summary.get("rounds") or 0
        values = [(last if best is None else best, summary.get("best_round") or end), (last, end)]
    if not values:
        return None
    best = min(values) if lower_is_better(metric) else max(values, key=lambda v: (v[0], -v[1]))
    return Score(metric, values[-1][0], *best, at=values[-1][1])


def lower_is_better(metric: str) -> bool:
    """Whether a metric improves by falling."""
    return metric.endswith("loss")


def diverged(trained: Sequence[Record]) -> int | None:
    """The round from which on numbers are not finite or rounds void, if so the run ended."""
    first = None
    for entry in reversed(trained):
        watched = ("train_loss", "test_loss", "aggregate_norm")
        finite = all(number(entry[key]) is not None for key in watched if key in entry)
        if finite and not entry.get("void"):
            break
        first = entry["round"]
    return first


def number(value: Any) -> float | None:
    """`value` as a finite float; None for anything else."""
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if real else None


def table(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of the settings; empty where there is none."""
    value = settings.get(name)
    return value if isinstance(value, Mapping) else {}
