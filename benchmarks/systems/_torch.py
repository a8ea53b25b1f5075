"""The networks in PyTorch, used by every system that trains with PyTorch.

Layers are registered in the order of `networks.py`, so that weights convert by position.
Inputs are `[batch, channels, height, width]` views of the stored `[..., height, width, channels]`,
that is, in `channels_last` memory format, which oneDNN prefers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from _common import Task
from torch import nn
from torch.nn import functional as F


class Cnn(nn.Module):
    """Two convolutions, a pool, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.dense, self.last = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        x = F.max_pool2d(F.relu(self.second(F.relu(self.first(x)))), 2)
        # In channels_last memory this is a view, and the order in which Keras flattens.
        return self.last(F.relu(self.dense(x.permute(0, 2, 3, 1).flatten(1))))


def mlp(*sizes: int) -> nn.Sequential:
    """Dense layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Same(nn.Module):
    """Keras's padding of a convolution of stride 2: nothing above and left, one below and right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pads."""
        return F.pad(x, (0, 1, 0, 1))


def block(inputs: int, outputs: int, size: int, stride: int, depthwise: bool) -> list[nn.Module]:
    """A convolution, group normalisation, ReLU6."""
    padding = [Same()] if stride == 2 else []
    conv = nn.Conv2d(
        inputs,
        outputs,
        size,
        stride,
        padding=0 if stride == 2 else size // 2,
        groups=inputs if depthwise else 1,
        bias=False,
    )
    norm = nn.GroupNorm(min(32, outputs // 4), outputs, eps=1e-3)
    return [*padding, conv, norm, nn.ReLU6(inplace=True)]


def mobilenet() -> nn.Sequential:
    """MobileNet, alpha 0.25, group normalisation."""
    plan = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)]
    plan += [(128, 1)] * 5 + [(256, 2), (256, 1)]
    layers, inputs = block(1, 8, 3, 2, False), 8
    for outputs, stride in plan:
        layers += block(inputs, inputs, 3, stride, True) + block(inputs, outputs, 1, 1, False)
        inputs = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, 10, 1), nn.Flatten()]
    return nn.Sequential(*layers)


class Lstm(nn.Module):
    """Characters to the next characters. PyTorch's second bias is fixed at 0: Keras has one."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(90, 8)
        self.lstm = nn.LSTM(8, 256, num_layers=2, batch_first=True)
        self.last = nn.Linear(256, 90)
        for layer in range(2):
            bias = getattr(self.lstm, f"bias_hh_l{layer}")
            nn.init.zeros_(bias)
            bias.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[batch, length, characters]`."""
        return self.last(self.lstm(self.embedding(x))[0])


def build(network: str) -> nn.Module:
    """The network with PyTorch's own first weights."""
    if network in ("cnn", "mobilenet"):
        net = Cnn() if network == "cnn" else mobilenet()
        return net.to(memory_format=torch.channels_last)
    if network == "lstm":
        return Lstm()
    return mlp(*{"mlp": (784, 200, 200, 10), "softmax": (784, 10), "softmax16": (16, 10)}[network])


def loss(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy of a batch."""
    return F.cross_entropy(net(x).flatten(0, -2), y.flatten())


def trained(net: nn.Module) -> list[nn.Parameter]:
    """What is trained, in the order of `networks.py`."""
    return [p for p in net.parameters() if p.requires_grad]


def axes(net: nn.Module) -> Iterator[tuple[int, ...] | None]:
    """For each trained parameter the transposition from Keras's layout, or None."""
    for module in net.modules():
        own = [p for p in module.parameters(recurse=False) if p.requires_grad]
        for p in own:
            if isinstance(module, nn.Conv2d) and p.ndim == 4:
                yield (2, 3, 0, 1) if module.groups > 1 else (3, 2, 0, 1)
            elif isinstance(module, nn.Linear | nn.LSTM) and p.ndim == 2:
                yield (1, 0)
            else:
                yield None


@torch.no_grad()
def set_weights(net: nn.Module, weights: list[np.ndarray]) -> None:
    """Gives the network the workload's weights."""
    for parameter, array, order in zip(trained(net), weights, axes(net), strict=True):
        value = torch.from_numpy(array if order is None else array.transpose(order).copy())
        assert parameter.shape == value.shape
        parameter.copy_(value)


def get_weights(net: nn.Module) -> list[np.ndarray]:
    """The network's weights in the workload's layout."""
    arrays = []
    for parameter, order in zip(trained(net), axes(net), strict=True):
        array = parameter.detach().cpu().numpy()
        arrays.append(array if order is None else array.transpose(np.argsort(order)))
    return arrays


def tensors(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """All examples and labels; images as channels-last views without a copy."""
    x = torch.from_numpy(np.array(task.x))
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2)
    return x, torch.from_numpy(task.y.astype(np.int64))


@torch.no_grad()
def descend(parameters: list[nn.Parameter], gradients: list[torch.Tensor], rate: float) -> None:
    """One step of plain SGD in one call for all parameters."""
    torch._foreach_add_(parameters, gradients, alpha=-rate)


Step = Callable[[torch.Tensor, torch.Tensor], None]


def local_step(net: nn.Module, parameters: list[nn.Parameter], rate: float) -> Step:
    """A function that takes one local step on a batch.

    `autograd.grad` leaves no `.grad` behind that would have to be cleared.
    """

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        gradients = torch.autograd.grad(loss(net, x, y), parameters)
        descend(parameters, list(gradients), rate)

    return step


def graphed(step: Step, parameters: list[nn.Parameter], x: torch.Tensor, y: torch.Tensor) -> Step:
    """The step as a recorded CUDA graph for batches shaped like `x` and `y`; others run as before.

    Recording trains, so the parameters are put back afterwards.
    """
    before = [p.detach().clone() for p in parameters]
    still_x, still_y = x.clone(), y.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(still_x, still_y)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(still_x, still_y)
    with torch.no_grad():
        torch._foreach_copy_(parameters, before)

    def replay(x: torch.Tensor, y: torch.Tensor) -> None:
        if x.shape != still_x.shape:
            step(x, y)
            return
        still_x.copy_(x)
        still_y.copy_(y)
        graph.replay()

    return replay


def set_up(threads: int, device: str) -> None:
    """Threads, and on a GPU the precision of matrix products that JAX has by default: TF32."""
    torch.set_num_threads(threads)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")
