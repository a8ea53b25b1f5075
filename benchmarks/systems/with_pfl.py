"""pfl-research 0.6.0: `SimulatedBackend` and `FederatedAveraging` on a PyTorch model.

Examples are PyTorch tensors, so that batches are views (pfl would convert NumPy arrays at every
step); datasets are made once, so that pfl's cache of batches works; evaluation is off after the
first round. 1 and 2 threads are both measured; `use_torch_compile` has not been tried.
"""

from _common import Task, arguments, report, since_start  # isort: skip
import itertools
import time

import torch
from _torch import build, get_weights, loss, set_weights, tensors
from pfl.aggregate.simulate import SimulatedBackend
from pfl.aggregate.weighting import WeightByDatapoints
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.hyperparam import NNEvalHyperParams, NNTrainHyperParams
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel
from torch import nn


class Net(nn.Module):
    """The two methods that pfl asks a model for."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The mean loss of a batch."""
        return loss(self.net, x, y)

    @torch.no_grad()
    def metrics(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, Weighted]:
        """The sum of losses and the number of examples."""
        return {"loss": Weighted(self.loss(x, y).item() * len(x), len(x))}


class Clock(TrainingProcessCallback):
    """Notes when each round ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_begin(self, *, model: PyTorchModel) -> Metrics:
        """Before the first round."""
        self.times.append(time.perf_counter())
        return Metrics()

    def after_central_iteration(self, *_, **__) -> tuple[bool, Metrics]:
        """After each round."""
        self.times.append(time.perf_counter())
        return False, Metrics()


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments(threads=1)
    torch.set_num_threads(args.threads)
    task = Task(args.workload)
    net = build(task.network)
    set_weights(net, task.weights)
    x, y = tensors(task)

    def client(number: int) -> Dataset:
        rows = task.rows(number)
        return Dataset(raw_data=[x[rows], y[rows]], user_id=str(number))

    ready = {} if task.large else {c: client(c) for c in range(task.clients)}
    order = itertools.chain.from_iterable(task.cohorts.tolist())
    data = FederatedDataset(lambda c: ready.get(c) or client(c), lambda: next(order))
    wrapped = Net(net)
    model = PyTorchModel(
        wrapped, torch.optim.SGD, torch.optim.SGD([p for p in net.parameters()], lr=1.0)
    )
    clock = Clock()
    setup = since_start()
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=args.rounds,
            evaluation_frequency=10**9,
            train_cohort_size=task.cohort,
            val_cohort_size=0,
        ),
        SimulatedBackend(data, data, postprocessors=[WeightByDatapoints()]),
        model,
        NNTrainHyperParams(
            local_batch_size=task.batch,
            local_num_epochs=1,
            local_learning_rate=task.learning_rate,
        ),
        NNEvalHyperParams(local_batch_size=None),
        callbacks=[clock],
    )
    seconds = [b - a for a, b in itertools.pairwise(clock.times)]
    report(args, seconds, setup, get_weights(net), ["pfl", "torch"], threads=args.threads)


if __name__ == "__main__":
    main()
