"""IFCA against a transcription of its Algorithm 1, against FedAvg, and on planted clusters."""

import bilinear
import jax
import jax.numpy as jnp
import numpy as np
import optax
import planted
import pytest
from problem import (
    CLIENTS,
    RATE,
    ROUNDS,
    SIZES,
    START,
    X,
    Y,
    batches,
    cohort,
    gradient,
    local_sgd,
    own_models,
    rows,
    train,
)

import fedwhy as fw
from fedwhy.aggregators import chain, clip, mean, median
from fedwhy.algorithms import Batch, Broadcast, Client
from fedwhy.algorithms.clusters import Keeps
from fedwhy.algorithms.training import Kept
from fedwhy.models import Weights

LOCAL = local_sgd(optax.sgd(RATE))
model = fw.Model.from_functions(
    init=lambda key, example: {"w": jnp.asarray(START) + jax.random.normal(key, (3,))},
    apply=lambda params, x, key, train: x @ params["w"],
    loss=lambda output, y: (output - y) ** 2 / 2,
)


def starts(clusters):
    """The initial models: the first by the key of every run, number j by `fold_in(key, j)`."""
    key = jax.random.fold_in(jax.random.key(0), 0)
    keys = [key, *(jax.random.fold_in(key, j) for j in range(1, clusters))]
    return np.array([START + np.asarray(jax.random.normal(key, (3,))) for key in keys])


def transcription(clusters):
    """Algorithm 1 of Ghosh et al., model averaging; every theta_j and each client's last choice."""
    theta, choice = starts(clusters), np.zeros(CLIENTS, int)
    for number in range(1, ROUNDS + 1):
        sent = [[] for _ in theta]
        for i in cohort(number):
            x, y = X[rows(i)].astype(float), Y[rows(i)].astype(float)
            choice[i] = np.argmin([np.mean((x @ w - y) ** 2) for w in theta])
            w = theta[choice[i]].copy()
            for batch in batches(i):
                w -= RATE * gradient(w, batch)
            sent[choice[i]].append((SIZES[i], w))
        theta = np.array(
            [
                np.average([w for _, w in got], axis=0, weights=[n for n, _ in got]) if got else old
                for old, got in zip(theta, sent, strict=True)
            ]
        )
    return theta, choice


@pytest.mark.parametrize("clusters", [2, 3])
def test_ifca_is_algorithm_1(clusters):
    run = train(fw.ifca(model, LOCAL, clusters=clusters))
    theta, choice = transcription(clusters)
    np.testing.assert_allclose(run.server.memory.weights.params["w"], theta, atol=1e-5)
    np.testing.assert_array_equal(run.states.work.place, choice)
    assert len(set(choice)) > 1


def test_client_chooses_by_its_own_head():
    """Two bodies of opposite signs, and two clients whose heads have learnt opposite ones."""
    bodies = (
        jnp.array([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]]) * jnp.array([1.0, -1.0])[:, None, None]
    )
    algorithm = fw.ifca(bilinear.model, local_sgd(optax.sgd(RATE), personal="head"))
    assert algorithm.first
    choose = algorithm.first.client(bilinear.model)
    who, key = Client(*jnp.zeros(4, jnp.int32), chance=jnp.float32(1)), jax.random.key(0)
    models = Broadcast(Weights({"body": bodies, "head": jnp.ones((2, 2))}, ()))
    x = jnp.asarray(X[:4])
    batch = Batch(x, x @ bodies[0] @ jnp.ones(2), jnp.ones(4))
    for head, best in ((jnp.ones(2), 0), (-jnp.ones(2), 1)):
        mine = Keeps(jnp.int32(0), Kept({"body": None, "head": head}, (), ()))
        local = choose.step(choose.start(models, mine, who, key), batch, models, key)
        assert choose.finish(local, models)[1].place == best


def test_one_cluster_is_fedavg():
    ours, theirs = train(fw.ifca(model, LOCAL, clusters=1)), train(fw.fedavg(model, LOCAL))
    np.testing.assert_allclose(ours.weights.params["w"], theirs.weights.params["w"], atol=1e-6)


def test_gradient_averaging_is_a_full_gradient_and_a_server_step():
    run = train(
        fw.ifca(model, fw.FullGradient(), server=optax.sgd(0.3), weighting="uniform"),
        rounds=1,
        size=CLIENTS,
    )
    theta = starts(2)
    choice = run.states.work.place
    for j in range(2):
        mean = np.mean([gradient(theta[j], rows(i)) for i in np.flatnonzero(choice == j)], axis=0)
        ours = run.server.memory.weights.params["w"][j]
        np.testing.assert_allclose(ours, theta[j] - 0.3 * mean, atol=1e-5)


def test_client_receives_every_model_and_sends_one():
    run = train(fw.ifca(model, LOCAL, clusters=3), rounds=1, size=1)
    assert run.history[1]["bytes_down"] == 3 * 12
    assert run.history[1]["bytes_up"] == 12 + 4 + 4  # The update, its weight and its cluster.


def test_a_cluster_takes_the_mean_of_clipped_updates():
    clipped = chain(clip(1e9), mean())
    plain = fw.ifca(model, LOCAL, clusters=3)
    runs = [train(each, rounds=3, size=4) for each in (plain, plain.with_aggregator(clipped))]
    ours, theirs = (run.server.memory.weights.params["w"] for run in runs)
    np.testing.assert_allclose(theirs, ours, rtol=1e-5)
    # What the link reports: the norm, whether it was clipped, and one.
    assert runs[1].history[1]["bytes_up"] == runs[0].history[1]["bytes_up"] + 4 * 12


def test_a_rule_that_compares_updates_of_different_models_is_refused():
    with pytest.raises(fw.FedwhyError, match="median would compare updates of different models"):
        fw.ifca(model, LOCAL).with_aggregator(median())


def test_planted_clusters_are_found_where_fedavg_cannot():
    algorithm = fw.ifca(planted.model, fw.LocalSGD(optax.sgd(0.2), epochs=3), clusters=2)
    run = planted.train(algorithm, rounds=30, size=4)
    assert len({*zip(run.states.work.place, planted.KIND, strict=True)}) == 2
    ours = own_models(algorithm, run)["w"]
    np.testing.assert_allclose(ours, planted.REGRESSORS[planted.KIND], atol=1e-3)
    alone = planted.train(fw.fedavg(planted.model, fw.LocalSGD(optax.sgd(0.2), epochs=3)), 30)
    assert np.abs(alone.weights.params["w"] - planted.REGRESSORS).max() > 1


def test_models_that_begin_alike_are_refused():
    same = fw.Model.from_functions(
        init=lambda key, example: {"w": jnp.zeros(3)},
        apply=lambda params, x, key, train: x @ params["w"],
        loss=lambda output, y: (output - y) ** 2 / 2,
    )
    with pytest.raises(fw.FedwhyError, match="ifca begins with 2 models that must differ"):
        train(fw.ifca(same, LOCAL))
