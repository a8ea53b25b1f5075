"""`sentence`: the result of a run in one plain sentence."""

from fedwhy.report.facts import Facts, Record, Score, facts, lower_is_better, population, table
from fedwhy.report.wording import count, metric_value, plural

PHRASES = {
    "test_accuracy": "{} test accuracy",
    "test_loss": "a test loss of {}",
    "clients_accuracy": "{} accuracy over the clients' data",
    "clients_loss": "a loss of {} over the clients' data",
    "train_accuracy": "{} training accuracy",
    "train_loss": "a training loss of {}",
    "personal_accuracy": "{} accuracy over the clients' data",
    "personal_loss": "a loss of {} over the clients' data",
}


def sentence(record: Record) -> str:
    """The result of a run in one plain sentence.

    "FedAvg reached 0.956 test accuracy on digits after 100 rounds with 10 of 50 clients a round
    (best 0.958 at round 93)."
    """
    run = facts(record)
    return "; ".join([result(run), *remarks(run)]).rstrip(".") + "."


def result(run: Facts) -> str:
    """What came out, without the full stop."""
    if run.rounds == 0:
        untrained = f"; untrained, the model has {value(run.score)}" if run.score else ""
        return f"{run.algorithm} finished no round on {run.dataset}{untrained}"
    if run.diverged is not None:
        best = (
            f" (best: {value(run.score, best=True)} at round {run.score.round})"
            if run.score
            else ""
        )
        return (
            f"{run.algorithm} diverged on {run.dataset} in round {progress(run, run.diverged)}"
            f"{participation(run)}: its numbers are no longer finite{best}"
        )
    measured = run.score.at if run.score else run.rounds
    span = f"{progress(run, measured)} round{plural(run.planned or run.rounds)}"
    if run.score is None:
        return f"{run.algorithm} trained on {run.dataset} for {span}{participation(run)}"
    improved = value(run.score) != value(run.score, best=True)
    best = f" ({best_value(run.score)})" if improved else ""
    return (
        f"{run.algorithm} reached {value(run.score)} on {run.dataset} after {span}"
        f"{participation(run)}{best}"
    )


def dealt(record: Record) -> str:
    """'1,437 examples of digits, dealt by dirichlet to 50 clients'."""
    clients, examples = population(record)
    scheme = table(record.get("settings") or {}, "partition").get("name")
    by = f"dealt by {scheme} to" if scheme else "held by"
    return (
        f"{count(examples)} examples of {facts(record).dataset}, {by} {count(clients)} "
        f"client{plural(clients)}"
    )


def remarks(run: Facts) -> list[str]:
    """What else must be known to read the result right."""
    trained = run.rounds > 0
    stale = trained and run.tested and run.score and not run.score.metric.startswith("test_")
    own = [run.own] if run.own and run.own.at > 0 else []
    return [
        *(f"clients' own models have {value(score)}" for score in own),
        *([fine_tuned(*run.tuned)] if run.tuned else []),
        *(["there was no test set"] if trained and not run.tested else []),
        *(["it was not tested since it began"] if stale else []),
        *([f"it stopped early: {run.stopped}"] if run.stopped else []),
        *(["it was interrupted"] if run.interrupted else []),
    ]


def fine_tuned(metric: str, before: float, after: float) -> str:
    """'fine-tuned by each client, it has 0.93 accuracy over the clients' data, before 0.81'."""
    figure = PHRASES[f"clients_{metric}"].format(metric_value(metric, after))
    return f"fine-tuned by each client, it has {figure}, before {metric_value(metric, before)}"


def value(score: Score, *, best: bool = False) -> str:
    """'0.956 test accuracy', the last one or the best."""
    number = score.best if best else score.last
    return PHRASES[score.metric].format(metric_value(score.metric, number))


def best_value(score: Score) -> str:
    """'best 0.958 at round 93'."""
    word = "lowest" if lower_is_better(score.metric) else "best"
    return f"{word} {metric_value(score.metric, score.best)} at round {score.round}"


def progress(run: Facts, rounds: int) -> str:
    """'40 of 100', or '100' when that is all of them."""
    total = run.planned or run.rounds
    return f"{rounds} of {total}" if rounds < total else f"{rounds}"


def participation(run: Facts) -> str:
    """' with 10 of 50 clients a round'; empty where it is not known."""
    if not run.cohort or not run.clients:
        return ""
    every = run.cohort == run.clients
    cohort = f"all {run.clients:,}" if every else f"{run.cohort:,} of {run.clients:,}"
    return f" with {cohort} client{plural(run.clients)} a round"
