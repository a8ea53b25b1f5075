"""FedAvg of NIID-Bench in fedwhy and in PyTorch, side by side from the same weights.

Both take the same batches in the same order, each goes on from its own weights, and a line a round
tells how far apart these are. Any difference beyond rounding is an error of one of the two.

    pip install torch==2.13.0
    python benchmarks/reproductions/niid_beside_pytorch.py --labels 1 --rounds 5
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import jax
import niid_by_hand as by_hand
import numpy as np
import torch
from niid_bench import BATCH, CLIENTS, EPOCHS, OPTIMIZER

import fedwhy as fw
from fedwhy.simulation import Training


@dataclass
class BesidePyTorch(fw.Callback):
    """After each round of fedwhy, the same round of `network`."""

    network: torch.nn.Module

    def on_round(self, training: Training) -> None:
        """Prints both accuracies, and the largest difference of two weights."""
        by_hand.one_round(self.network, training.clients, order=torch.arange)
        theirs, ours = as_fedwhy(self.network), training.server.weights.params
        apart = max(np.abs(theirs[path] - np.asarray(ours[path])).max() for path in theirs)
        largest = max(np.abs(leaf).max() for leaf in theirs.values())
        print(
            f"round {training.round}: fedwhy {100 * training.history[-1]['test_accuracy']:.2f} %, "
            f"PyTorch {by_hand.accuracy(self.network, training.test):.2f} %; "
            f"weights of at most {largest:.2f} differ by at most {apart:.0e}",
            flush=True,
        )


def as_fedwhy(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """PyTorch's weights under the paths and in the layout of fedwhy's LeNet."""
    example = np.zeros((1, 28, 28, 1), np.float32)
    paths = fw.Model.from_zoo("lenet", classes=10).init(jax.random.key(0), example).params
    return {
        path: in_layout(leaf.numpy())
        for path, leaf in zip(paths, network.state_dict().values(), strict=True)
    }


def in_layout(leaf: np.ndarray) -> np.ndarray:
    """A kernel as `[height, width, inputs, outputs]` or `[inputs, outputs]`."""
    if leaf.ndim == 4:
        return leaf.transpose(2, 3, 1, 0).copy()
    if leaf.shape == (120, 256):  # after the flattening, where PyTorch has channels first
        return leaf.reshape(120, 16, 4, 4).transpose(2, 3, 1, 0).reshape(256, 120)
    return leaf.T.copy()


def main() -> None:
    """Runs both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    mnist, scheme = fw.load("mnist"), fw.LabelsPerClient(args.labels)
    torch.manual_seed(args.seed)
    network, model = by_hand.network(), fw.Model.from_zoo("lenet", classes=10)
    first = as_fedwhy(network)
    same = replace(model, init=lambda key, x: model.init(key, x)._replace(params=first))
    client = fw.LocalSGD(OPTIMIZER, epochs=EPOCHS, batch_size=BATCH, shuffle=False)
    fw.train(
        fw.fedavg(same, client),
        fw.partition(mnist.train, scheme, clients=CLIENTS, seed=args.seed),
        rounds=args.rounds,
        cohort=1.0,
        seed=args.seed,
        test=mnist.test,
        callbacks=[BesidePyTorch(network)],
        progress=False,
    )


if __name__ == "__main__":
    main()
