"""Flax NNX modules as models, against the modules themselves."""

import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fedwhy.models as fm
from fedwhy.errors import ModelError

nnx = pytest.importorskip("flax.nnx")
pytestmark = pytest.mark.filterwarnings("ignore:Using 'Module.sow:DeprecationWarning")

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


class Net(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.List([nnx.Linear(4, 5, rngs=rngs), nnx.Linear(5, 5, rngs=rngs)])
        self.norm = nnx.BatchNorm(5, momentum=0.9, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.out = nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x):
        for layer in self.hidden:
            x = nnx.relu(layer(x))
        x = self.norm(x)
        self.sow(nnx.Intermediate, "seen", x)
        return self.out(self.drop(x))


def model(build: Callable[[Any], Any] = Net):
    return fm.Model.from_flax(build, optax.softmax_cross_entropy_with_integer_labels)


def test_weights_are_those_of_the_module():
    params, state = model().init(KEY, X)
    module = Net(nnx.Rngs(KEY))
    assert set(params) == {"hidden", "norm", "out"} and set(params["hidden"]) == {"0", "1"}
    np.testing.assert_array_equal(params["out"]["kernel"], module.out.kernel[...])
    assert set(state) == {"norm"} and set(state["norm"]) == {"mean", "var"}


def test_evaluation_equals_the_module_and_keeps_state():
    weights = model().init(KEY, X)
    module = Net(nnx.Rngs(KEY))
    module.eval()
    output, state = model().apply(*weights, X, None, False)
    np.testing.assert_allclose(output, module(X), atol=1e-6)
    assert state is weights.state


def test_training_moves_statistics_as_the_module_does_and_drops_by_key():
    weights = model().init(KEY, X)
    module = Net(nnx.Rngs(KEY))
    module.train()
    module(X)
    output, state = model().apply(*weights, X, KEY, True)
    np.testing.assert_allclose(state["norm"]["mean"], module.norm.mean[...], atol=1e-6)
    np.testing.assert_allclose(state["norm"]["var"], module.norm.var[...], atol=1e-6)
    again, _ = model().apply(*weights, X, KEY, True)
    other, _ = model().apply(*weights, X, jax.random.key(9), True)
    assert np.array_equal(output, again) and not np.array_equal(output, other)
    with pytest.raises(ModelError, match="needs a key"):
        model().apply(*weights, X, None, True)


def test_vmap_scan_and_grad_equal_a_loop():
    weights, new = model().init(KEY, X), model()
    xs, keys = jnp.stack([X, 2 * X, X - 1]), jax.random.split(KEY, 3)

    def step(x, key):
        def objective(params):
            output, state = new.apply(params, weights.state, x, key, True)
            return jnp.sum(output**2), state

        return jax.grad(objective, has_aux=True)(weights.params)

    mapped = jax.jit(jax.vmap(step))(xs, keys)
    _, scanned = jax.lax.scan(lambda carry, at: (carry, step(*at)), None, (xs, keys))
    looped = jax.tree.map(lambda *a: jnp.stack(a), *map(jax.jit(step), xs, keys))
    for found in (mapped, scanned):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, looped
        )


def test_description():
    known = model().describe(X)
    assert known.parameters == 25 + 30 + 10 + 18 and known.output_shape == (3,)
    assert [layer.kind for layer in known.layers] == ["List", "BatchNorm", "Linear"]
    assert known.normalization == ("BatchNorm",) and known.name == "Net"


def test_other_weights_and_other_builders_are_refused():
    params, state = model().init(KEY, X)
    with pytest.raises(ModelError, match="another model"):
        model().apply({**params, "out": {}}, state, X, None, False)
    with pytest.raises(ModelError, match="must return an nnx.Module"):
        model(lambda rngs: 3).apply({}, {}, X, None, False)


def test_module_instead_of_a_builder_is_refused():
    with pytest.raises(ModelError, match="write Model.from_flax"):
        model(Net(nnx.Rngs(0)))


def test_missing_flax_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flax", None)
    with pytest.raises(ModelError, match=r'pip install "fedwhy\[flax\]"'):
        model()
