"""The client of `with_flower.py`, in a module of its own so that Ray's workers can import it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from _common import Task
from _torch import build, get_weights, local_step, set_weights, tensors, trained
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@cache
def load(folder: str):
    """The workload, the network and the examples: once per worker."""
    torch.set_num_threads(1)
    task = Task(Path(folder))
    net = build(task.network)
    parameters = trained(net)
    return task, parameters, local_step(net, parameters, task.learning_rate), *tensors(task)


def first(task: Task) -> list[np.ndarray]:
    """The first weights as PyTorch stores them, which is what travels."""
    net = build(task.network)
    set_weights(net, task.weights)
    return [p.detach().numpy() for p in trained(net)]


def stored(task: Task, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """PyTorch's arrays in the workload's layout."""
    net = build(task.network)
    receive(trained(net), arrays)
    return get_weights(net)


@torch.no_grad()
def receive(parameters: list[torch.nn.Parameter], arrays: list[np.ndarray]) -> None:
    """Copies what the server sent into the network."""
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.copy_(torch.from_numpy(array))


@app.train()
def train(message: Message, context: Context) -> Message:
    """One local epoch."""
    config = message.content["config"]
    task, parameters, step, x, y = load(config["workload"])
    receive(parameters, message.content["arrays"].to_numpy_ndarrays())
    for rows in task.batches(config["client"]):
        step(x[rows], y[rows])
    rows = task.rows(config["client"])
    arrays = {f"{i:03d}": Array(p.detach().numpy()) for i, p in enumerate(parameters)}
    metrics = MetricRecord({"num-examples": rows.stop - rows.start})
    content = RecordDict({"arrays": ArrayRecord(arrays), "metrics": metrics})
    return Message(content=content, reply_to=message)
