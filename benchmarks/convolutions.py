"""What a convolution costs inside a loop, as a round has it: XLA's own, and as fedwhy computes it.

    python benchmarks/convolutions.py

writes `CONVOLUTIONS.md`: milliseconds on one core for a convolution with the gradients of its input
and kernel, the least of five repetitions. *Outside* is one call a step; *inside*, `lax.scan` runs
the steps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["JAX_NUM_CPU_DEVICES"] = "1"

import jax  # noqa: E402
import machine  # noqa: E402
from jax import lax  # noqa: E402

from fedwhy.engine.lowering.model import RULES  # noqa: E402
from fedwhy.engine.lowering.rewrite import rewritten  # noqa: E402

REPEATS = 5


class Layer(NamedTuple):
    """A convolution of `batch` examples `[side, side, inside]`."""

    of: str
    size: int
    batch: int
    side: int
    inside: int
    outside: int
    stride: int = 1
    padding: str = "SAME"
    groups: int = 1

    def __str__(self) -> str:
        depthwise = "depthwise " if self.groups > 1 else ""
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        return f"{depthwise}{self.size} x {self.size}, {self.inside} to {self.outside}{stride}"


LAYERS = [
    Layer("McMahan's CNN, first", 5, 10, 28, 1, 32),
    Layer("McMahan's CNN, second", 5, 10, 14, 32, 64),
    Layer("McMahan's CNN, second", 5, 50, 14, 32, 64),
    Layer("LeNet, second", 5, 64, 12, 6, 16, padding="VALID"),
    Layer("EMNIST CNN, second", 3, 20, 26, 32, 64, padding="VALID"),
    Layer("ResNet", 3, 20, 16, 64, 64),
    Layer("ResNet", 3, 20, 16, 64, 128, stride=2),
    Layer("MobileNet", 1, 20, 16, 64, 128),
    Layer("MobileNet", 3, 20, 16, 64, 64, groups=64),
]


def step_of(layer: Layer, lowered: bool) -> tuple[Callable, tuple[jax.Array, jax.Array]]:
    """A step that changes input and kernel a little by their gradients, and the first of both."""

    def convolve(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x,
            w,
            (layer.stride, layer.stride),
            layer.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=layer.groups,
        )

    function = rewritten(convolve, RULES) if lowered else convolve

    def step(both: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        y, back = jax.vjp(function, *both)
        return jax.tree.map(lambda a, d: a + 1e-9 * d, both, back(y))

    keys = jax.random.split(jax.random.key(0))
    x = jax.random.normal(keys[0], (layer.batch, layer.side, layer.side, layer.inside))
    inside = layer.inside // layer.groups
    w = jax.random.normal(keys[1], (layer.size, layer.size, inside, layer.outside))
    return step, (x, w / (layer.size * inside**0.5))


def milliseconds(layer: Layer, lowered: bool, steps: int, inside: bool) -> float:
    """What a step takes."""
    step, both = step_of(layer, lowered)
    loop = jax.jit(lambda both: lax.scan(lambda c, _: (step(c), None), both, None, steps)[0])
    once = jax.jit(step)

    def run() -> None:
        current = both
        for _ in range(1 if inside else steps):
            current = loop(current) if inside else once(current)
        jax.block_until_ready(current)

    run()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / steps


def row(layer: Layer) -> str:
    """A row of the table."""
    outside = milliseconds(layer, lowered=False, steps=20, inside=False)
    inside = milliseconds(layer, lowered=False, steps=3, inside=True)
    ours = milliseconds(layer, lowered=True, steps=20, inside=True)
    same = layer.padding == "SAME"
    outputs = -(-layer.side // layer.stride) if same else layer.side - layer.size + 1
    pairs = layer.inside // layer.groups * layer.outside
    operations = 3 * 2 * layer.batch * outputs**2 * layer.size**2 * pairs
    cells = [
        layer.of,
        str(layer),
        str(layer.batch),
        f"{outputs} x {outputs}",
        *(f"{ms:.3g}" for ms in (outside, inside, ours)),
        f"{outside / ours:.2f}",
        f"{operations / ours / 1e6:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, and writes the table."""
    facts = machine.describe()
    page = [
        "# What a convolution costs",
        "",
        "Made by `python benchmarks/convolutions.py`, whose header explains it, on one core of "
        f"{facts['processor']}. *GFLOP/s* counts what the definition multiplies and adds, which "
        "Winograd's algorithm (3 x 3 and 5 x 5 with 16 channels or more) has less of.",
        "",
        "| layer | kernel, channels | batch | outputs | XLA outside, ms | XLA inside "
        "| fedwhy inside | times as fast as XLA outside | GFLOP/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(row, LAYERS),
    ]
    (Path(__file__).parent / "CONVOLUTIONS.md").write_text("\n".join(page) + "\n")
    print("\n".join(page))


if __name__ == "__main__":
    main()
