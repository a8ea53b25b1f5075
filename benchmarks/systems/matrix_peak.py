"""The machine's matrix peak: the best rate of a float32 product of square matrices.

JAX and PyTorch are both asked, each where it is installed; the runner takes the better one.
"""

import json
import sys
import time
from collections.abc import Callable

SIDES = (1024, 2048)


def rate(multiply: Callable[[], object], side: int, repeats: int = 12) -> float:
    """The best of a few runs, in GFLOP/s."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - started)
    return 2 * side**3 / min(times) / 1e9


def with_jax(side: int, device: str) -> float:
    """By XLA."""
    import jax

    a = jax.random.normal(jax.random.key(0), (side, side))
    product = jax.jit(lambda a, b: a @ b)
    return rate(lambda: product(a, a).block_until_ready(), side)


def with_torch(side: int, device: str) -> float:
    """By PyTorch."""
    import torch

    torch.set_float32_matmul_precision("high")
    a = torch.randn(side, side, device=device)
    out = torch.empty_like(a)

    def multiply() -> None:
        torch.mm(a, a, out=out)
        if device == "cuda":
            torch.cuda.synchronize()

    return rate(multiply, side)


if __name__ == "__main__":
    library, device = sys.argv[1], sys.argv[2]
    by = with_torch if library == "torch" else with_jax
    sides = (*SIDES, 8192) if device == "cuda" else SIDES
    print(json.dumps({"gflops": max(by(side, device) for side in sides)}))
