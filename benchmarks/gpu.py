"""The same workloads on a GPU, against the tight PyTorch loop and the centralised limits there.

    python benchmarks/gpu.py --workloads W1,W1c100

fedwhy and JAX run in the Python that starts this, which needs a JAX for GPUs, such as
`pip install "jax[cuda12]"`. PyTorch's environment is made by `requirements/torch.txt`, which is a
build for CUDA on Linux by default; set BENCH_TORCH_PYTHON to another interpreter that has PyTorch.
Both may use TF32 in matrix products, as JAX does by default.
"""

from __future__ import annotations

from catalogue import GPU_SYSTEMS
from run import main
from workloads import WORKLOADS

if __name__ == "__main__":
    main(GPU_SYSTEMS, list(WORKLOADS), "gpu", "cuda")
