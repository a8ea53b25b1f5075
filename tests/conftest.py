"""Small problems that many tests share."""

import os
from pathlib import Path

# Most of the tests' time goes into compiling what runs once: let XLA do little about it, and keep
# the programs, which others need too.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
os.environ["XLA_FLAGS"] = f"--xla_cpu_use_fusion_emitters=false {os.environ.get('XLA_FLAGS', '')}"
COMPILED = Path(__file__).parent.parent / ".pytest_cache" / "compiled"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
if os.cpu_count() == 1 or (hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1):
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")  # Many tests compare one device with two.

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import settings

import fedwhy as fw
from fedwhy.models import Model

settings.register_profile("fedwhy", deadline=None)  # Compiling takes longer than an example may.
settings.load_profile("fedwhy")

SLOPES = (1.0, 2.0, 4.0, 8.0)
CENTRES = (0.0, 1.0, -2.0, 3.0)


@pytest.fixture(scope="session")
def digits():
    return fw.load("digits")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data that is not part of the repository."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("FEDWHY_DATA_DIR", beside))
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}; set FEDWHY_DATA_DIR")
    return folder


@pytest.fixture
def optimised():
    """Programs compiled as users' are, where their speed matters."""
    quick = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", quick)


@pytest.fixture
def quadratics():
    """Clients with the loss `a (w - b)^2 / 2` each: their data is one example `(a, b)`."""
    x = np.array(list(zip(SLOPES, CENTRES, strict=True)), np.float32)
    return fw.FederatedDataset.from_arrays(x, np.zeros(4, np.float32), np.arange(4))


@pytest.fixture
def quadratic_model():
    def loss(output, y):
        w, a, b = output
        return a * (w - b) ** 2 / 2

    return Model.from_functions(
        init=lambda key, example: {"w": jnp.float32(10.0)},
        apply=lambda params, x, key, train: (params["w"], x[:, 0], x[:, 1]),
        loss=loss,
    )


@pytest.fixture
def softmax():
    """Softmax regression in plain JAX, from zero."""

    def init(key, example):
        inputs = int(np.prod(example.shape[1:]))
        return {"kernel": jnp.zeros((inputs, 10)), "bias": jnp.zeros(10)}

    def apply(params, x, key, train):
        return x.reshape(len(x), -1) @ params["kernel"] + params["bias"]

    def loss(output, y):
        import optax

        return optax.softmax_cross_entropy_with_integer_labels(output, y)

    return Model.from_functions(
        init=init,
        apply=apply,
        loss=loss,
        metrics={"accuracy": lambda output, y: (output.argmax(-1) == y).astype(jnp.float32)},
        classes_from_output=True,
    )
