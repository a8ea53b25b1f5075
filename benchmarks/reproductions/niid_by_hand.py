"""FedAvg of NIID-Bench in PyTorch, with the settings of Flower's baseline and the same partition.

Written from those settings; it shares with fedwhy only the reading of MNIST and who holds what. It
tells whether fedwhy or the published figure is off where the two differ, as with one label a
client.

    pip install torch==2.13.0
    python benchmarks/reproductions/niid_by_hand.py --labels 1 --seed 0

adds the curve to `results/niid_by_hand.json`.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
from collections.abc import Callable, Iterator

import numpy as np
import torch
from table import RESULTS  # also finds the data
from torch import nn

import fedwhy as fw
from fedwhy.simulation.files import replace_file

CLIENTS, ROUNDS, EPOCHS, BATCH = 10, 50, 10, 64


def network() -> nn.Module:
    """LeNet with the weights that PyTorch begins with."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def trained(
    model: nn.Module, x: torch.Tensor, y: torch.Tensor, order: Callable[[int], torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The weights of a client that begins with those of `model`; `order` is an epoch's."""
    own = copy.deepcopy(model)
    optimizer = torch.optim.SGD(own.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-5)
    for _ in range(EPOCHS):
        for batch in order(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(own(x[batch]), y[batch]).backward()
            optimizer.step()
    return own.state_dict()


def one_round(
    model: nn.Module,
    clients: fw.FederatedDataset,
    order: Callable[[int], torch.Tensor] = torch.randperm,
) -> None:
    """Trains `model` at every client, and gives it their mean weighted by examples."""
    shares = torch.tensor(clients.sizes / clients.sizes.sum())
    sent = [
        trained(model, *tensors(clients.x[begin:end], clients.y[begin:end]), order)
        for begin, end in itertools.pairwise(clients.offsets)
    ]
    mean = {
        name: sum(share * each[name] for share, each in zip(shares, sent, strict=True)).float()
        for name in sent[0]
    }
    model.load_state_dict(mean)


def accuracy(model: nn.Module, test: fw.Dataset) -> float:
    """In per cent."""
    x, y = tensors(test.x, test.y)
    with torch.no_grad():
        return 100 * (model(x).argmax(1) == y).float().mean().item()


def curve(labels: int, seed: int) -> Iterator[float]:
    """The test accuracy after each round, in per cent."""
    mnist = fw.load("mnist")
    clients = fw.partition(mnist.train, fw.LabelsPerClient(labels), clients=CLIENTS, seed=seed)
    torch.manual_seed(seed)
    model = network()
    for _ in range(ROUNDS):
        one_round(model, clients)
        yield accuracy(model, mnist.test)


def tensors(x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Images `[examples, 1, 28, 28]` with pixels in 0..1, and labels."""
    images = torch.tensor(np.asarray(x, np.float32).reshape(-1, 1, 28, 28))
    return images, torch.tensor(np.asarray(y, np.int64))


def main() -> None:
    """Runs one curve, and keeps what there is of it after each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    file, found = RESULTS / "niid_by_hand.json", []
    for percent in curve(args.labels, args.seed):
        found.append(percent)
        print(f"round {len(found)}/{ROUNDS}: {percent:.2f} %", flush=True)
        kept = json.loads(file.read_text()) if file.exists() else {}
        kept.setdefault(str(args.labels), {})[str(args.seed)] = found
        replace_file(file, json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
