"""The systems: which script runs each, where, and what it cannot do."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

SCALE = ("W6e4", "W6e5", "W6e6", "W6e7")


@dataclass(frozen=True)
class System:
    """One row of the tables.

    `central` systems train on the same batches without clients; they are compared with each
    other, all others with fedwhy. `cannot` gives the reason for each workload left out.
    """

    name: str
    label: str
    environment: str
    script: str
    options: tuple[str, ...] = ()
    central: bool = False
    cannot: dict[str, str] = field(default_factory=dict)


def threads(name: str, label: str, environment: str, script: str, count: int, **more) -> System:
    """A PyTorch system with a number of threads."""
    label = f"{label}, {count} thread{'s' if count > 1 else ''}"
    return System(f"{name}_{count}", label, environment, script, ("--threads", str(count)), **more)


PARTIAL = "one client holding all would have fewer partial batches, so not the same ones"
ONE = {name: PARTIAL for name in ("W3", "W5", *SCALE)}
LOOP = ("pytorch_loop", "tight PyTorch loop", "torch", "pytorch_loop")
LIMIT = ("central_pytorch", "limit: centralised PyTorch", "torch", "central_pytorch")
PFL = ("pfl", "pfl-research 0.6.0", "pfl", "with_pfl")

SYSTEMS = {
    system.name: system
    for system in (
        System("fedwhy", "fedwhy", "project", "with_fedwhy"),
        System(
            "fedwhy_central",
            "limit: fedwhy, one client holds all",
            "project",
            "with_fedwhy",
            ("--central", "1"),
            central=True,
            cannot=ONE,
        ),
        System(
            "fedwhy_core",
            "limit: fedwhy, one client for each core",
            "project",
            "with_fedwhy",
            ("--central", str(os.cpu_count())),
            central=True,
            cannot=ONE,
        ),
        System("central_jax", "limit: centralised JAX", "project", "central_jax", central=True),
        threads(*LIMIT, 1, central=True),
        threads(*LIMIT, 2, central=True),
        threads(*LOOP, 1),
        threads(*LOOP, 2),
        System("fedjax", "FedJAX 0.0.17", "fedjax", "with_fedjax"),
        threads(*PFL, 1),
        threads(*PFL, 2),
        System("flower", "Flower 1.41 on Ray, one core a client", "flower", "with_flower"),
        System("tff", "TFF 0.87", "tff", "with_tff"),
    )
}

CUDA = ("--device", "cuda")
GPU_SYSTEMS = {
    system.name: system
    for system in (
        System("fedwhy", "fedwhy", "project", "with_fedwhy"),
        System("central_jax", "limit: centralised JAX", "project", "central_jax", central=True),
        System(
            "central_pytorch",
            "limit: centralised PyTorch",
            "torch",
            "central_pytorch",
            CUDA,
            central=True,
        ),
        System("pytorch_loop", "tight PyTorch loop", "torch", "pytorch_loop", CUDA),
        System(
            "pytorch_graph",
            "tight PyTorch loop, steps as CUDA graphs",
            "torch",
            "pytorch_loop",
            (*CUDA, "--graph", "1"),
        ),
    )
}
