"""The experiments with other settings: what makes a curve fall, and what mends it."""

from collections.abc import Sequence
from dataclasses import replace

import optax

import fedwhy as fw
from examples.why_accuracy_falls.planted import curve, setup_of
from examples.why_accuracy_falls.regression import PLAIN
from fedwhy.diagnosis.setup import Setup

SIZES = (1, 10, 100)  # Clients among whom the digits are dealt out.
ROUNDS, EPOCHS_EACH = 40, 5
JUDGES = 100  # Digits that the server itself holds, to judge clients by.

# What stands in the tables of the page: a name, the experiment file, and changes to it.
Row = tuple[str, str, list[str]]

EPOCHS: tuple[Row, ...] = (
    ("1 epoch a round", "skew", ["client.epochs=1"]),
    ("5 epochs", "skew", ["client.epochs=5"]),
    ("20 epochs", "skew", []),
)
SERVER_RATES: tuple[Row, ...] = (
    ("1", "server_rate", ["server.learning_rate=1"]),
    ("2", "server_rate", ["server.learning_rate=2"]),
    ("2.5", "server_rate", []),
    ("3", "server_rate", ["server.learning_rate=3"]),
)
WAIT = ["algorithm.name='fedavg'", "sampler.name='uniform'"]
STALENESS: tuple[Row, ...] = (
    ("50 at work, momentum 0.8", "stale_updates", []),
    ("50 at work, no momentum", "stale_updates", ["server.momentum=0"]),
    ("8 at work, momentum 0.8", "stale_updates", ["sampler.concurrency=8"]),
    ("rounds that wait, momentum 0.8", "stale_updates", WAIT),
)
PATIENT = "clock.deadline=1000000"
SLOWER = ["clock.upload=500", "clock.download=2000"]
LINKS: tuple[Row, ...] = (
    ("wait for everybody", "late_clients", [PATIENT]),
    ("the same, links 10 times slower", "late_clients", [PATIENT, *SLOWER]),
    ("go on after 2.2 seconds", "late_clients", []),
)
SERVER_MOMENTUM = ["server.momentum=0.9", "server.learning_rate=0.1"]
REMEDIES: dict[str, tuple[Row, ...]] = {
    "skew": (
        ("SCAFFOLD", "skew", ["algorithm.name='scaffold'"]),
        ("server momentum 0.9, rate 0.3", "skew", [*SERVER_MOMENTUM, "server.learning_rate=0.3"]),
    ),
    "taking_turns": (
        ("SCAFFOLD", "taking_turns", ["algorithm.name='scaffold'"]),
        ("server momentum 0.9, rate 0.1", "taking_turns", SERVER_MOMENTUM),
        (
            "a mean over rounds (ema 0.97)",
            "taking_turns",
            ["server.averaging='ema'", "server.decay=0.97"],
        ),
    ),
    "wrong_labels": (
        ("weights by agreement", "wrong_labels", ["server.agreement=true"]),
        ("server momentum 0.9, rate 0.1", "wrong_labels", SERVER_MOMENTUM),
        ("2 epochs instead of 20", "wrong_labels", ["client.epochs=2"]),
    ),
}


WARM: tuple[Row, ...] = (
    ("all ten clients, 20 epochs", "skew", []),
    ("one client a round, 1 epoch", "skew", ["train.cohort=1", "client.epochs=1"]),
    ("one client a round, 20 epochs", "skew", ["train.cohort=1"]),
)


def warm(seeds: Sequence[int]) -> dict[str, list[list[float]]]:
    """Clients of one digit each who begin with a model that was trained at one place."""
    together = ["partition.clients=1", "train.cohort=1", "server.learning_rate=1"]
    found: dict[str, list[list[float]]] = {name: [] for name, *_ in WARM}
    for seed in seeds:
        trained = setup_of("server_rate", together).train(2, seed, evaluate_every=2).weights
        for name, file, changes in WARM:
            setup = setup_of(file, changes)
            model = replace(setup.model, init=lambda key, example, known=trained: known)
            found[name].append(curve(setup.changed(model=model), seed))
    return found


def by_quality(seed: int) -> list[float]:
    """Wrong labels, where clients count by how well they do on a few digits of the server's own.

    These are test digits, and the run is tested on the others.
    """
    setup, digits = setup_of("wrong_labels"), fw.load("digits").test
    own, others = (
        fw.Dataset(digits.x[rows], digits.y[rows], classes=10)
        for rows in (slice(JUDGES), slice(JUDGES, None))
    )
    trusting = fw.trust.by_quality(setup.algorithm, own, temperature=0.1)
    return curve(setup.changed(algorithm=trusting, test=others), seed)


def diluted(clients: int, seed: int) -> dict[str, float]:
    """The digits dealt out to so many clients who are alike: what they reach alone and averaged.

    All train for as many epochs: one alone, all and then averaged once, or averaged in rounds.
    """
    dealt = [f"partition.clients={clients}", f"train.cohort={clients}", "client.momentum=0"]
    setup = setup_of("server_rate", [*dealt, "server.learning_rate=1"])
    apart = setup.with_local(epochs=ROUNDS * EPOCHS_EACH)
    return {
        "alone": last(apart.changed(cohort=1), 1, seed),
        "once": last(apart, 1, seed),
        "in rounds": last(setup, ROUNDS, seed),
    }


def last(setup: Setup, rounds: int, seed: int) -> float:
    """The test accuracy after so many rounds."""
    return setup.train(rounds, seed, evaluate_every=rounds).history[-1]["test_accuracy"]


def personal(seed: int) -> dict[str, float]:
    """Clients of two digits each: how the models that they use do on a quarter of their own."""
    digits = fw.load("digits")
    dealt = fw.partition(digits.train, fw.Shards(2), clients=10, seed=seed)
    train, test = dealt.split(test=0.25, seed=seed)
    model = fw.Model.from_zoo("mlp", hidden=(64,))
    local = fw.LocalSGD(optax.sgd(0.1), epochs=5, batch_size=20)
    setup = Setup(fw.fedavg(model, local), train, 20, 10, seed, test_clients=test, engine=PLAIN)
    common = setup.train(20, seed, evaluate_every=20)
    tuned = common.fine_tune(train, test, local)
    found = {
        "one model": common.history[-1]["clients_accuracy"],
        "one model, fine-tuned": tuned.after.weighted["accuracy"],
    }
    for name, algorithm in (("Ditto", fw.ditto), ("FedPer", fw.fedper)):
        run = setup.changed(algorithm=algorithm(model, local)).train(20, seed, evaluate_every=20)
        found[name] = run.history[-1]["personal_accuracy"]
    return found


def waited(seed: int) -> dict[str, dict[str, float]]:
    """What slow links cost: the accuracy in the end, and the seconds until then."""
    found = {}
    for name, file, changes in LINKS:
        setup = setup_of(file, changes)
        run = setup.train(setup.rounds, seed, evaluate_every=setup.rounds)
        seconds = run.history[-1]["simulated_seconds"]
        found[name] = {"accuracy": run.history[-1]["test_accuracy"], "seconds": seconds}
    return found


def curves_of(rows: Sequence[Row], seeds: Sequence[int]) -> dict[str, list[list[float]]]:
    """The curves of every row, for each seed."""
    return {
        name: [curve(setup_of(file, changes), seed) for seed in seeds]
        for name, file, changes in rows
    }
