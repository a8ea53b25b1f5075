"""Every algorithm against a closed form, plain SGD, or a NumPy transcription of its paper."""

import jax
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.data import FederatedDataset

SLOPES = np.array([1.0, 2.0, 4.0, 8.0])
CENTRES = np.array([0.0, 1.0, -2.0, 3.0])


def leaves(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(run.weights)]


def train(algorithm, clients, rounds=3, **options):
    options = {"cohort": clients.clients, "progress": False, **options}
    return fw.train(algorithm, clients, rounds=rounds, **options)


@pytest.fixture
def small(digits):
    return fw.partition(digits.train, fw.Dirichlet(0.5), clients=8, seed=1)


def test_fedavg_with_one_client_is_plain_sgd(digits, softmax):
    clients = fw.partition(digits.train, fw.IID(), clients=1)
    local = fw.LocalSGD(optax.sgd(0.1, momentum=0.9), epochs=2, batch_size=32, shuffle=False)
    run = train(fw.fedavg(softmax, local), clients, rounds=1)

    x, y = np.asarray(clients.x, np.float64).reshape(len(clients.y), -1), np.asarray(clients.y)
    kernel, bias = np.zeros((64, 10)), np.zeros(10)
    momentum = [np.zeros_like(kernel), np.zeros_like(bias)]
    for _ in range(2):
        for at in range(0, len(y), 32):
            xb, yb = x[at : at + 32], y[at : at + 32]
            logits = xb @ kernel + bias
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(yb)), yb] -= 1
            for m, g in zip(momentum, (xb.T @ p / len(yb), p.mean(0)), strict=True):
                m *= 0.9
                m += g
            kernel -= 0.1 * momentum[0]
            bias -= 0.1 * momentum[1]
    np.testing.assert_allclose(run.weights.params["kernel"], kernel, atol=1e-5)
    np.testing.assert_allclose(run.weights.params["bias"], bias, atol=1e-5)


@pytest.mark.parametrize("batch_size", [7, 64])
def test_fedsgd_with_all_clients_is_gradient_descent(small, softmax, batch_size):
    algorithm = fw.fedsgd(softmax, fw.FullGradient(batch_size=batch_size), learning_rate=0.5)
    run = train(algorithm, small, rounds=5)

    def loss(params):
        output, _ = softmax.apply(params, (), small.x, None, True)
        return softmax.loss(output, small.y).mean()

    params = jax.tree.map(np.zeros_like, run.weights.params)
    for _ in range(5):
        params = jax.tree.map(lambda p, g: p - 0.5 * g, params, jax.grad(loss)(params))
    for name, expected in params.items():
        np.testing.assert_allclose(run.weights.params[name], expected, atol=1e-5)


LOCAL = fw.LocalSGD(optax.sgd(0.1), epochs=2, batch_size=20)


@pytest.mark.parametrize(
    "special",
    [
        lambda model: fw.fedprox(model, LOCAL, mu=0.0),
        lambda model: fw.fedavgm(model, LOCAL, momentum=0.0, learning_rate=1.0),
    ],
    ids=["fedprox mu=0", "fedavgm momentum=0"],
)
def test_special_case_is_fedavg_exactly(small, softmax, special):
    expected = leaves(train(fw.fedavg(softmax, LOCAL), small, cohort=3))
    for ours, theirs in zip(
        leaves(train(special(softmax), small, cohort=3)), expected, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def quadratic_updates(w, rate=0.05, steps=3, mu=0.0):
    """What each quadratic client adds to `w` in `steps` local steps."""
    local = np.full(4, w)
    for _ in range(steps):
        local -= rate * (SLOPES * (local - CENTRES) + mu * (local - w))
    return local - w


def quadratic_local(**options):
    return fw.LocalSGD(optax.sgd(0.05), steps=3, batch_size=1, **options)


def test_fedavg_on_quadratics_converges_to_its_known_limit(quadratics, quadratic_model):
    run = train(fw.fedavg(quadratic_model, quadratic_local()), quadratics, rounds=150)
    c = 1 - (1 - 0.05 * SLOPES) ** 3
    assert run.weights.params["w"] == pytest.approx((c * CENTRES).sum() / c.sum(), abs=1e-5)


def test_one_local_step_reaches_the_optimum(quadratics, quadratic_model):
    local = fw.LocalSGD(optax.sgd(0.05), steps=1, batch_size=1)
    run = train(fw.fedavg(quadratic_model, local), quadratics, rounds=300)
    optimum = (SLOPES * CENTRES).sum() / SLOPES.sum()
    assert run.weights.params["w"] == pytest.approx(optimum, abs=1e-5)


def test_fedprox_comes_nearer_to_the_optimum_and_matches_numpy(quadratics, quadratic_model):
    local = fw.LocalSGD(optax.sgd(0.05), steps=20, batch_size=1)
    run = train(fw.fedprox(quadratic_model, local, mu=10.0), quadratics, rounds=100)
    prox = plain = 10.0
    for _ in range(100):
        prox += quadratic_updates(prox, steps=20, mu=10.0).mean()
        plain += quadratic_updates(plain, steps=20).mean()
    assert run.weights.params["w"] == pytest.approx(prox, abs=1e-5)
    optimum = (SLOPES * CENTRES).sum() / SLOPES.sum()
    assert abs(prox - optimum) < abs(plain - optimum) / 2


def test_fedavgm_matches_numpy(quadratics, quadratic_model):
    algorithm = fw.fedavgm(quadratic_model, quadratic_local(), learning_rate=0.5, momentum=0.9)
    run = train(algorithm, quadratics, rounds=5)
    w, v = 10.0, 0.0
    for _ in range(5):
        v = 0.9 * v + quadratic_updates(w).mean()
        w += 0.5 * v
    assert run.weights.params["w"] == pytest.approx(w, rel=1e-5)


SECOND_MOMENTS = {
    "fedadagrad": lambda v, d: v + d**2,
    "fedyogi": lambda v, d: v - (1 - 0.99) * d**2 * np.sign(v - d**2),
    "fedadam": lambda v, d: 0.99 * v + (1 - 0.99) * d**2,
}


@pytest.mark.parametrize("name", SECOND_MOMENTS)
def test_adaptive_algorithm_matches_algorithm_2_of_reddi_et_al(name, quadratics, quadratic_model):
    options = {"learning_rate": 0.3, "beta1": 0.9, "tau": 0.01}
    algorithm = getattr(fw, name)(quadratic_model, quadratic_local(), **options)
    run = train(algorithm, quadratics, rounds=5)
    x, m, v = 10.0, 0.0, 0.01**2
    for _ in range(5):
        delta = quadratic_updates(x).mean()
        m = 0.9 * m + (1 - 0.9) * delta
        v = SECOND_MOMENTS[name](v, delta)
        x = x + 0.3 * m / (np.sqrt(v) + 0.01)
    assert run.weights.params["w"] == pytest.approx(x, rel=1e-5)


@pytest.mark.parametrize("weighting", ["examples", "uniform"])
def test_weighting(weighting, quadratic_model):
    x = np.array([[1.0, 0.0]] * 3 + [[1.0, 4.0]], np.float32)
    clients = FederatedDataset.from_arrays(x, np.zeros(4, np.float32), np.array([0, 0, 0, 1]))
    local = fw.LocalSGD(optax.sgd(1.0), steps=1, batch_size=3)
    run = train(fw.fedavg(quadratic_model, local, weighting=weighting), clients, rounds=1)
    assert run.weights.params["w"] == pytest.approx(1.0 if weighting == "examples" else 2.0)


def test_clip_norm_bounds_each_step(quadratics, quadratic_model):
    local = fw.LocalSGD(optax.sgd(1.0), steps=3, batch_size=1, clip_norm=0.25)
    run = train(fw.fedavg(quadratic_model, local), quadratics, rounds=1)
    assert run.history[1]["update_norm_max"] == pytest.approx(0.75, rel=1e-5)


@pytest.mark.parametrize(
    ("build", "parameter"),
    [
        (lambda m: fw.fedprox(m, LOCAL, mu=-1.0), "mu"),
        (lambda m: fw.fedadam(m, LOCAL, tau=0.0), "tau"),
        (lambda m: fw.fedavgm(m, LOCAL, momentum=1.0), "momentum"),
        (lambda m: fw.fedavg(m, LOCAL, weighting="size"), "weighting"),
    ],
)
def test_impossible_parameter_is_named(softmax, build, parameter):
    with pytest.raises(fw.FedwhyError, match=f"^{parameter}: "):
        build(softmax)


def test_fedprox_refuses_a_client_with_a_proximal_term_of_its_own(softmax):
    with pytest.raises(fw.FedwhyError, match="proximal: the client has 5.0"):
        fw.fedprox(softmax, fw.LocalSGD(optax.sgd(0.1), proximal=5.0))


def test_small_float_types_train_with_clipping_and_momentum(small, softmax):
    from dataclasses import replace

    def init(key, example):
        weights = softmax.init(key, example)
        return jax.tree.map(lambda a: a.astype(jax.numpy.bfloat16), weights)

    local = fw.LocalSGD(optax.sgd(0.1, momentum=0.9), clip_norm=1.0)
    run = train(fw.fedadam(replace(softmax, init=init), local), small)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(run.server.weights)} == {"bfloat16"}
    assert run.history[-1]["train_loss"] < run.history[1]["train_loss"]
