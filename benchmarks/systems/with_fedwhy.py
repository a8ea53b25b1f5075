"""fedwhy, through its public interface, with the engine's own choice of lanes and devices.

With `--central N` all examples belong to N clients: the limit of the same engine, which trains on
the same batches with hardly a client between them. It is defined where no client ends on a partial
batch, for one client, or one for each core.
"""

from _common import STARTED, Task, arguments, report  # isort: skip
import time
from dataclasses import replace

import fedwhy as fw  # before keras, so that Keras runs on JAX

import keras  # isort: skip
import numpy as np
import optax
from _compiles import Compiles
from _keras import build


def model_with(task: Task, names: list[str]) -> fw.Model:
    """The network, starting from the workload's weights; puts their names into `names`."""
    if task.network == "mobilenet":
        zoo = {"alpha": 0.25, "normalization": "group", "dropout": 0.0}
        model = fw.Model.from_zoo("mobilenet", **zoo)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model = fw.Model.from_keras(lambda: build(keras, task.network), loss)
    init = model.init

    def first(key, example):
        weights = init(key, example)
        names[:] = weights.params  # JAX sorts a dict's keys, so the order is lost later
        return weights._replace(params=dict(zip(weights.params, task.weights, strict=True)))

    return replace(model, init=first)


def dataset(task: Task, central: int) -> fw.FederatedDataset:
    """The clients, or the `central` ones that hold all their examples."""
    kept = np.linspace(0, task.clients, (central or task.clients) + 1).round().astype(int)
    offsets = task.offsets[kept]
    return fw.FederatedDataset(task.x, task.y, offsets, np.arange(len(offsets) - 1), task.name)


class Watch(fw.Callback):
    """Notes how many programs were compiled by the end of each round."""

    def __init__(self) -> None:
        self.compiles, self.counts, self.started = Compiles(), [0], 0.0

    def on_start(self, training) -> None:
        """Before the first round."""
        self.counts = [self.compiles.count]
        self.started = time.perf_counter()

    def looks_at(self, round) -> bool:
        """No round in particular."""
        return False

    def on_round(self, training) -> None:
        """After each round, or several at once."""
        new = len(training.history) - len(self.counts)
        self.counts += new * [self.compiles.count]


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments(central=0)
    task, watch = Task(args.workload), Watch()
    client = fw.LocalSGD(
        optax.sgd(task.learning_rate), epochs=1, batch_size=task.batch, shuffle=False
    )
    clients = dataset(task, args.central)
    if args.central and (np.diff(task.offsets)[:-1] % task.batch).any():
        raise SystemExit("clients end on partial batches, which one client would not")
    names: list[str] = []
    run = fw.train(
        fw.fedavg(model_with(task, names), client),
        clients,
        rounds=args.rounds,
        cohort=args.central or task.cohort,
        callbacks=[watch],
        progress=False,
    )
    wall = time.perf_counter() - watch.started
    report(
        args,
        [record["seconds"] for record in run.history[1:]],
        watch.started - STARTED,
        [np.asarray(run.weights.params[name]) for name in names],
        ["fedwhy", "jax", "jaxlib", "keras"],
        compiles=np.diff(watch.counts).tolist(),
        compile_seconds=watch.compiles.seconds,
        wall_seconds=wall,
    )


if __name__ == "__main__":
    main()
