"""A run as it might be: 100 rounds of FedAvg on digits, 50 clients with few labels each."""

import math

import numpy as np
import pytest


@pytest.fixture
def record():
    return make_record()


@pytest.fixture
def records():
    """Seven runs of different algorithms, of which one did not test and one diverged."""
    names = ["fedavg", "fedprox", "fedadam", "scaffold", "fedyogi", "fedavgm", "fedsgd"]
    runs = [make_record(seed, algorithm=name) for seed, name in enumerate(names)]
    for entry in runs[4]["rounds"]:
        entry.pop("test_accuracy", None)
        entry.pop("test_loss", None)
    runs[4]["summary"] = {}
    for entry in runs[5]["rounds"][60:]:
        entry.update({key: None for key in entry if key.endswith(("loss", "norm"))})
    return runs


def make_record(seed=0, algorithm="fedavg", clients=50, classes=10, rounds=100, examples=1437):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(clients, 0.1), size=classes).T
    counts = (shares * examples / classes).round().astype(int)
    entries = [curve_point(t, rng, speed=20 + 6 * seed) for t in range(rounds + 1)]
    tested = [(e["test_accuracy"], e["round"]) for e in entries if "test_accuracy" in e]
    best = max(tested, key=lambda pair: (pair[0], -pair[1]))
    recall = np.clip(rng.normal(0.95, 0.04, classes), 0, 1)
    return {
        "name": f"{algorithm}-digits-{seed + 1:03d}",
        "settings": {
            "data": {"name": "digits"},
            "partition": {"name": "dirichlet", "alpha": 0.1, "clients": clients, "seed": 0},
            "model": {"name": "mlp", "hidden": [64, 64]},
            "algorithm": {"name": algorithm},
            "client": {"learning_rate": 0.1 / (1 + seed), "epochs": 5, "shuffle": True},
            "server": {"learning_rate": 1.0},
            "train": {"rounds": rounds, "cohort": 10, "seed": seed},
        },
        "summary": {
            "algorithm": algorithm,
            "dataset": "digits",
            "rounds": rounds,
            "clients": clients,
            "cohort": 10,
            "seed": seed,
            "test_accuracy": tested[-1][0],
            "test_loss": entries[-1]["test_loss"],
            "best_test_accuracy": best[0],
            "best_round": best[1],
            "seconds_per_round": 0.0213 * (1 + seed / 3),
            "parameters": 9034,
            "stopped": None,
            "interrupted": False,
        },
        "environment": {
            "fedwhy": "0.1.0",
            "jax": "0.10.2",
            "python": "3.11.9",
            "devices": ["cpu:0", "cpu:1"],
        },
        "rounds": entries,
        "partition": {
            "clients": [str(c) for c in range(clients)],
            "sizes": counts.sum(axis=1).tolist(),
            "label_counts": counts.tolist(),
        },
        "recall": {
            "classes": [str(c) for c in range(classes)],
            "recall": recall.tolist(),
            "support": [36] * classes,
        },
    }


def curve_point(t, rng, speed):
    """Round `t` of a run that learns in about `speed` rounds; round 0 is only evaluated."""
    learnt = 1 - math.exp(-t / speed)
    noise = rng.normal(0, 0.02) * math.exp(-t / 50)
    entry = {
        "round": t,
        "test_accuracy": 0.1 + 0.85 * learnt + noise,
        "test_loss": 2.3 - 2.1 * learnt - 2 * noise,
        "clients_accuracy": 0.1 + 0.87 * learnt + noise,
        "clients_loss": 2.3 - 2.15 * learnt - 2 * noise,
        "clients_accuracy_unweighted": 0.1 + 0.8 * learnt + noise,
        "clients_loss_unweighted": 2.3 - 2.0 * learnt - 2 * noise,
    }
    if t == 0:
        return entry
    mean = 1.6 * math.exp(-t / 60) + 0.3 + abs(noise)
    return entry | {
        "train_loss": 0.9 * math.exp(-t / 30) + 0.05,
        "train_accuracy": 0.7 + 0.28 * learnt,
        "update_norm_mean": mean,
        "update_norm_min": mean * rng.uniform(0.1, 0.5),
        "update_norm_max": mean * rng.uniform(1.4, 2.0),
        "aggregate_norm": mean * rng.uniform(0.3, 0.5),
        "seconds": 0.9 if t == 1 else 0.0213 * rng.uniform(0.9, 1.1) * speed / 20,
    }
