"""What each algorithm costs: seconds of a round, compared with FedAvg's and its own gradients.

    python benchmarks/algorithms.py [--models mlp,lenet] [--names scaffold,fedprox] [--repeats 3]

writes `algorithms.json` and `ALGORITHMS.md`. MNIST, 10 clients x 600 examples, batch 10, one epoch,
of two models. The MLP 784-200-200-10 is that of W2 in `workloads.py` and the hardest case: a step's
matrix products take no longer than moving the weights three times, so that whatever else an
algorithm does with them shows. LeNet is a small CNN, whose steps compute more than they move.
Algorithms take turns, and every one runs in this process, on a lane for each core.

"gradients" counts how much more an algorithm differentiates than FedAvg: passes forward (a third of
a gradient's work) and backward (two thirds) are counted, by examples, while one round runs.
"beyond gradients" is the round's time over FedAvg's, divided by that.

FedBN wants normalisation layers, so it and a FedAvg of its own train the MLP with a
`BatchNormalization` before each ReLU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import machine
import optax

import fedwhy as fw  # before JAX
from fedwhy.algorithms import CATALOGUE, Algorithm
from fedwhy.models import Model

import keras  # isort: skip  # after fedwhy, which has it run on JAX

HERE = Path(__file__).parent
ROUNDS, WARMUP = 15, 5
LIMIT = 1.3
TITLES = {"mlp": "MLP (W2)", "lenet": "LeNet"}

# Trained with normalisation layers, which the others need not have.
NORMALISED = ("fedbn", "fixbn")

# Arguments of algorithms that need other ones than their defaults here.
OPTIONS: dict[str, dict[str, Any]] = {}


def build(name: str, model: Model) -> Algorithm:
    """The algorithm on W2's local training."""
    if name == "fedsgd":
        return fw.fedsgd(model, fw.FullGradient(batch_size=10))
    local = fw.LocalSGD(optax.sgd(0.05), epochs=1, batch_size=10)
    function = next(e.build for e in CATALOGUE if e.build.__name__ == name)
    return function(model, local, **OPTIONS.get(name, {}))


def normalised_mlp() -> Model:
    """The MLP of W2 that also normalises."""
    layers = keras.layers

    def build() -> keras.Model:
        hidden = [
            layer
            for _ in range(2)
            for layer in (layers.Dense(200), layers.BatchNormalization(), layers.ReLU())
        ]
        return keras.Sequential([layers.Flatten(), *hidden, layers.Dense(10)])

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Model.from_keras(build, loss)


def clients(count: int = 10, examples: int = 600) -> fw.FederatedDataset:
    """MNIST, dealt out evenly."""
    train = fw.load("mnist").train
    few = fw.Dataset(train.x[: count * examples], train.y[: count * examples], classes=10)
    return fw.partition(few, fw.IID(), clients=count)


def seconds(algorithm: Algorithm, data: fw.FederatedDataset) -> float:
    """The median seconds of a round."""
    engine = fw.Engine(lanes=1, devices=min(2, len(jax.devices())), lowering="on")
    run = fw.train(
        algorithm,
        data,
        rounds=ROUNDS,
        cohort=data.clients,
        evaluate_every=ROUNDS,
        engine=engine,
        progress=False,
    )
    return statistics.median(r["seconds"] for r in run.history[1 + WARMUP :])


def gradients(name: str, plain: Model) -> float:
    """How many gradients' work a round of the algorithm does for each example."""
    small = clients(count=2, examples=60)
    model, counts = counting(plain)
    engine = fw.Engine(lanes=1, devices=1, lowering="off")
    options = {"rounds": 2, "cohort": 2, "engine": engine, "progress": False}
    fw.train(build(name, model), small, **options)
    jax.effects_barrier()
    examples = options["rounds"] * small.sizes.sum()
    return (counts["forward"] + 2 * counts["backward"]) / 3 / examples


def counting(model: Model) -> tuple[Model, Counter[str]]:
    """`model`, and on how many examples it was run forward and backward."""
    counts: Counter[str] = Counter()

    def count(way: str, examples: int) -> None:
        counts[way] += examples

    @jax.custom_vjp
    def counted(losses: jax.Array) -> jax.Array:
        jax.debug.callback(lambda: count("forward", len(losses)))
        return losses

    def forward(losses: jax.Array):
        return counted(losses), None

    def backward(_, gradient: jax.Array):
        jax.debug.callback(lambda: count("backward", len(gradient)))
        return (gradient,)

    counted.defvjp(forward, backward)

    def each_run_of(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
        return lambda *arguments: counted(function(*arguments))

    features = model.features and each_run_of(model.features)
    return replace(model, loss=each_run_of(model.loss), features=features), counts


def measure(names: list[str], model: Model, repeats: int) -> dict[str, dict[str, float]]:
    """For each algorithm, `seconds`, `times` (FedAvg's), `gradients` and `beyond`."""
    data = clients()
    taken: dict[str, list[float]] = {name: [] for name in ["fedavg", *names]}
    for _ in range(repeats):
        for name, so_far in taken.items():
            so_far.append(seconds(build(name, model), data))
            print(f"{name}: {so_far[-1]:.4f} s", flush=True)
    each = {name: statistics.median(so_far) for name, so_far in taken.items()}
    usual = gradients("fedavg", model)
    rows = {}
    for name, value in each.items():
        times = value / each["fedavg"]
        work = gradients(name, model) / usual
        rows[name] = {"seconds": value, "times": times, "gradients": work, "beyond": times / work}
    return rows


def page(tables: dict[str, dict[str, Any]]) -> str:
    """The tables of the models as Markdown."""
    facts = machine.describe()
    where = f"{facts['processor']}, {facts['cores']} cores"
    lines = [
        "# What each algorithm costs",
        "",
        f"Made by `python benchmarks/algorithms.py`, whose header explains it, on {where}.",
    ]
    for name, title in TITLES.items():
        if name in tables:
            told = f"Medians of {tables[name]['repeats']} times, {tables[name]['when']}."
            lines += ["", f"## {title}", "", told, "", *table(tables[name]["rows"])]
    return "\n".join(lines) + "\n"


def table(rows: dict[str, dict[str, float]]) -> list[str]:
    """The lines of one model's table, and which algorithms are over the limit."""
    over = [name for name, row in rows.items() if row["beyond"] > LIMIT]
    return [
        "| algorithm | seconds a round | times FedAvg's | gradients | beyond gradients |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {r['seconds']:.4f} | {r['times']:.2f} | {r['gradients']:.2f} | "
            f"{r['beyond']:.2f} |"
            for name, r in rows.items()
        ),
        "",
        f"Over {LIMIT}: {', '.join(over) or 'none'}.",
    ]


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [entry.build.__name__ for entry in CATALOGUE]
    parser.add_argument("--names", default=",".join(name for name in names if name != "fedavg"))
    parser.add_argument("--models", default=",".join(TITLES))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("FEDWHY_DATA_DIR", str(HERE.parent.parent / "shared" / "data"))
    asked, repeats = arguments.names.split(","), arguments.repeats
    plain = [name for name in asked if name not in NORMALISED]
    normalised = [name for name in asked if name in NORMALISED]
    file = HERE / "algorithms.json"
    tables = json.loads(file.read_text()) if file.exists() else {}
    for name in arguments.models.split(","):
        rows = measure(plain, Model.from_zoo(name, classes=10), repeats)
        if name == "mlp" and normalised:
            others = measure(normalised, normalised_mlp(), repeats)
            rows |= {f"{name}, normalised": row for name, row in others.items()}
        tables[name] = {"repeats": repeats, "when": time.strftime("%Y-%m-%d"), "rows": rows}
        file.write_text(json.dumps(tables, indent=1) + "\n")
    (HERE / "ALGORITHMS.md").write_text(page(tables))
    print(page(tables))


if __name__ == "__main__":
    main()
