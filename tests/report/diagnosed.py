"""A diagnosis as it might be: three findings, five probes, ten clients, twenty rounds."""

import math

import numpy as np

DEALT = "the same examples dealt to the clients at random"
PAGE = """# FW106: Inputs are not scaled

## What it is

Inputs from 0 to 255 make the first layer's outputs, and so the gradients, **hundreds of times** too
large. See also [label skew](FW101.md) and [dead units](FW210.md).

## How it looks

The loss stays near `ln(10)`, or is `nan` from the first round on.

## How it was recognised

The greatest absolute input, `max |x|`, over all clients
([LeCun et al. 1998](https://example.org/efficient-backprop)).

## What to do

Divide the inputs by 255.

## Example

Before, there was no table; now

```toml
[prepare]
scale = 255
```
"""


def make_diagnosis(clients=10, classes=10, rounds=20, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(20, 200, clients)
    shares = rng.dirichlet(np.full(classes, 0.3), clients)
    counts = np.stack([rng.multinomial(size, p) for size, p in zip(sizes, shares, strict=True)])
    directions = rng.normal(0.4, 1.0, (clients, 6))
    directions[-2:] *= -1
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return {
        "name": "digits-of-nobody",
        "verdict": "Stuck at 10 %: inputs are not scaled. With inputs divided by 255, it reaches "
        "93.4 %.",
        "findings": [
            {
                "code": "FW106",
                "title": "Inputs are not scaled",
                "severity": "error",
                "confidence": 0.95,
                "confirmed": True,
                "why": "Inputs reach 255, and half of them lie above 31.",
                "evidence": {"largest": 255.0, "median": 31.0, "clients": [3, 4]},
                "prescription": {"what": "inputs divided by 255", "code": ""},
                "recovered": 0.834,
                "page": PAGE,
                "changes": [
                    {"table": "prepare", "key": "scale", "value": 255},
                    {"table": "client", "key": "learning_rate", "value": 0.1},
                ],
            },
            {
                "code": "FW101",
                "title": "Clients hold different labels",
                "severity": "warning",
                "confidence": 0.5,
                "confirmed": False,
                "why": "Half of the clients hold fewer than 4 of 10 labels.",
                "evidence": {"label_skew": 0.61},
                "prescription": {"what": "a proximal term", "code": "fw.fedprox(model, local)"},
                "recovered": 0.004,
                "page": PAGE.replace("FW106: Inputs are not scaled", "FW101: Label skew"),
                "changes": [],
            },
            {
                "code": "FW113",
                "title": "Some clients are tiny",
                "severity": "note",
                "confidence": 0.3,
                "confirmed": False,
                "why": "The smallest client holds 2 examples.",
                "evidence": {},
                "prescription": None,
                "recovered": None,
                "page": "# FW113: Some clients are tiny\n\n## What it is\n\nFew examples.\n",
                "changes": [],
            },
        ],
        "probes": [
            probe("FW101", DEALT, [0.10, 0.11], [0.1, 0.102]),
            probe("FW106", "inputs divided by 255", [0.92, 0.948], [0.1, 0.1]),
            probe("FW301", "the client learning rate 10 times lower", [0.31, 0.45], [0.1, 0.102]),
            probe("FW101", DEALT, [0.94], [0.934], ["FW106"]),
            probe("FW302", "the client learning rate 10 times as high", [0.06], [0.1]),
            probe("FW205", "statistics averaged", [], [], error="the model has no state"),
        ],
        "baseline_accuracy": 0.1,
        "centralised_accuracy": 0.951,
        "repaired_accuracy": 0.934,
        "seconds": 48.2,
        "history": [entry(t, 1e6, classes, rng) for t in range(rounds + 1)],
        "repaired_history": [entry(t, 5, classes, rng) for t in range(rounds + 1)],
        "central_history": [entry(t, 3, classes, rng) for t in range(rounds + 1)],
        "partition": {
            "clients": [f"hospital {c}" for c in range(clients)],
            "sizes": counts.sum(axis=1).tolist(),
            "label_counts": counts.tolist(),
        },
        "updates": {
            "ids": [f"hospital {c}" for c in range(clients)],
            "norm": rng.uniform(0.5, 2.0, clients).tolist(),
            "cosine": (directions @ directions.T).tolist(),
        },
        "settings": {
            "data": {"name": "digits"},
            "client": {"learning_rate": 1.0, "epochs": 1},
            "train": {"rounds": rounds, "cohort": clients},
        },
    }


def probe(code, what, scores, base, after=(), error=None):
    after = list(after)
    return {
        "code": code,
        "what": what,
        "scores": scores,
        "base": base,
        "after": after,
        "error": error,
    }


def entry(t, speed, classes, rng):
    """Round `t` of a run that learns in about `speed` rounds, the first classes sooner."""
    learnt = 1 - math.exp(-t / speed)
    recall = np.clip(0.95 * learnt - 0.04 * np.arange(classes) * learnt, 0, 1)
    evaluated = {
        "round": t,
        "test_accuracy": 0.1 + 0.84 * learnt,
        "test_loss": 2.3 - 2.1 * learnt,
        "test_recall": recall.tolist(),
        "test_predicted": np.full(classes, 1 / classes).tolist(),
    }
    if t == 0:
        return evaluated
    return evaluated | {
        "update_norm_mean": 1.2,
        "update_norm_min": 0.4,
        "update_norm_max": 2.5,
        "aggregate_norm": 0.6 + rng.normal(0, 0.02),
        "update_cosine": 0.3 + rng.normal(0, 0.05),
        "local_loss_first": 2.3 - 1.9 * learnt,
        "local_loss_last": 1.1 - 0.9 * learnt,
        "bytes_down": 1000,
        "bytes_up": 1000,
    }
