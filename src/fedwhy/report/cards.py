"""`Card`: one key figure of a page."""

import statistics
from typing import NamedTuple

from fedwhy.report.facts import Facts, Record, facts, number, population, score
from fedwhy.report.partition import spread
from fedwhy.report.probes import points
from fedwhy.report.wording import ABSENT, count, duration, metric_value, percent, plural


class Card(NamedTuple):
    """A figure, what it is, and a remark that puts it into proportion."""

    name: str
    figure: str
    remark: str = ""


def run_cards(record: Record) -> list[Card]:
    """The key figures of a run."""
    run = facts(record)
    seconds = [s for r in record.get("rounds") or [] if (s := number(r.get("seconds"))) is not None]
    planned = "" if run.planned is None else f"of {count(run.planned)} planned"
    cards = [
        *score_cards(record, run),
        *own_model_cards(record),
        *tuning_cards(record, run),
        Card("Rounds", count(run.rounds), planned),
        Card("Clients a round", count(run.cohort), f"of {count(run.clients)}"),
        Card("Time a round", duration(run.seconds_per_round), f"{duration(sum(seconds))} in all"),
        Card("Simulated time", duration(run.simulated_seconds), "by the clock of the experiment"),
        Card("Parameters", count(run.parameters), "in the model"),
        *privacy_cards(record, run),
    ]
    return [card for card in cards if card.figure != ABSENT]


def score_cards(record: Record, run: Facts) -> list[Card]:
    """Accuracy and loss of the same examples: test ones, or the nearest there are."""
    if run.score is None:
        return []
    source = run.score.metric.split("_")[0]
    names = {"test": "Test", "clients": "Clients'", "train": "Training"}
    scores = [score(record, f"{source}_{metric}") for metric in ("accuracy", "loss")]
    return [
        Card(
            f"{names[source]} {s.metric.split('_')[1]}",
            metric_value(s.metric, s.last),
            f"best {metric_value(s.metric, s.best)}, round {s.round}",
        )
        for s in scores
        if s is not None
    ]


def own_model_cards(record: Record) -> list[Card]:
    """How well clients' own models do, where they have some, and those of the worst clients."""
    own, worst = (score(record, f"personal_accuracy{part}") for part in ("", "_worst_decile"))
    if own is None or worst is None:
        return []
    figure, remark = (metric_value("accuracy", each.last) for each in (own, worst))
    return [Card("Own models' accuracy", figure, f"worst tenth of clients {remark}")]


def tuning_cards(record: Record, run: Facts) -> list[Card]:
    """How well clients do once they have trained the model on, and the worst of them."""
    if run.tuned is None:
        return []
    metric, before, after = run.tuned
    worst = number((record.get("fine_tuning") or {}).get(f"after_{metric}_worst_decile"))
    remark = f"before {metric_value(metric, before)}"
    if worst is not None:
        remark += f", worst tenth of clients {metric_value(metric, worst)}"
    return [Card(f"Fine-tuned {metric}", metric_value(metric, after), remark)]


def privacy_cards(record: Record, run: Facts) -> list[Card]:
    """The guarantee of differential privacy, where the run gives one."""
    if run.epsilon is None or run.delta is None:
        return []
    neighbours = (record.get("privacy") or {}).get("neighbours", "")
    return [Card("Epsilon", f"{run.epsilon:.3g}", f"at delta {run.delta:.2g}; {neighbours}")]


def partition_cards(record: Record) -> list[Card]:
    """The key figures of a partition."""
    partition = record.get("partition") or {}
    sizes = sorted(partition.get("sizes") or [])
    if not sizes:
        return []
    clients, examples = population(record)
    empty = sizes.count(0)
    median = partition.get("median", statistics.median(sizes))
    least, most = partition.get("smallest", sizes[0]), partition.get("largest", sizes[-1])
    cards = [
        Card("Clients", count(clients), f"{count(empty)} of them empty" if empty else ""),
        Card("Examples", count(examples), "over all clients"),
        Card(
            "Median client",
            f"{median:,.1f}".removesuffix(".0"),
            f"examples, {count(least)} to {count(most)}",
        ),
    ]
    if (even := number(partition.get("effective_clients"))) is not None:
        cards.append(Card("Effective clients", f"{even:,.1f}", "of equal size would be as even"))
    if partition.get("label_counts"):
        median, _, span = spread(record).partition(" ")
        cards.append(Card("Labels a client", median, f"median, {span.strip('()')}"))
    if (skew := number(partition.get("label_skew"))) is not None:
        cards.append(Card("Label skew", f"{skew:.2f}", "mean distance; 0 is IID, 1 the most"))
    return cards


def diagnosis_cards(record: Record) -> list[Card]:
    """The key figures of a diagnosis: what the run reaches, what it could, and what it took."""
    now, repaired = (number(record.get(f"{name}_accuracy")) for name in ("baseline", "repaired"))
    measure = str(record.get("measure") or "accuracy").capitalize()
    gain = None if now is None or repaired is None else repaired - now
    findings, probes = record["findings"], record.get("probes") or []
    proved = sum(bool(f.get("confirmed")) for f in findings)
    cards = [
        Card(f"{measure} now", percent(now), "of the run as it is"),
        Card("At one place", percent(record.get("centralised_accuracy")), "all examples together"),
        Card("Repaired", percent(repaired), points(gain)),
        Card("Findings", count(len(findings)), f"{proved} of them proved by a run"),
        Card("Time", duration(record.get("seconds")), f"{len(probes)} probe{plural(len(probes))}"),
    ]
    return [card for card in cards if card.figure != ABSENT]
