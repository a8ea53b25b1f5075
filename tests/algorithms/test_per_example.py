"""DP-SGD at the client, against the paper written out in NumPy."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from problem import (
    CLIENTS,
    ENGINE,
    RATE,
    ROUNDS,
    SIZES,
    START,
    X,
    Y,
    batches,
    cohort,
    local_sgd,
    model,
    train,
    trained,
)
from scipy import stats

import fedwhy as fw
from fedwhy.errors import ParameterError
from fedwhy.privacy import Unsampled, epsilon

pytest.importorskip("dp_accounting")
CLIP, QUIET = 0.7, 2e-3


def test_every_example_is_clipped_alone_and_batches_have_one_size():
    w = START.copy()
    for number in range(1, ROUNDS + 1):
        update, total = np.zeros(3), 0
        for client in cohort(number):
            own = w.copy()
            for batch in batches(client):
                gradients = X[batch].astype(float) * (X[batch] @ own - Y[batch])[:, None]
                norms = np.linalg.norm(gradients, axis=1, keepdims=True)
                own -= RATE * (gradients * np.minimum(1, CLIP / norms)).sum(axis=0) / 2
            update += SIZES[client] * (own - w)
            total += SIZES[client]
        w += update / total
    private = fw.PerExample(clip=CLIP, noise_multiplier=QUIET)
    algorithm = fw.fedavg(model, local_sgd(optax.sgd(RATE), private=private))
    np.testing.assert_allclose(trained(algorithm), w, atol=3e-3)
    unclipped = fw.PerExample(clip=100.0, noise_multiplier=1e-6)
    algorithm = fw.fedavg(model, local_sgd(optax.sgd(RATE), private=unclipped))
    assert np.abs(trained(algorithm) - w).max() > 0.05


@pytest.mark.parametrize("scale", [1.0, 2 / 3, 3 / 2])
def test_noise_of_a_step_has_the_stated_scale_and_no_other(scale):
    flat = fw.Model.from_functions(
        init=lambda key, example: {"w": jnp.zeros(3000)},
        apply=lambda params, x, key, train: x[:, 0] + 0 * params["w"].sum(),
        loss=lambda output, y: output,
    )
    one = fw.FederatedDataset.from_arrays(X[:4], Y[:4], np.zeros(4, int))
    private = fw.PerExample(clip=0.5, noise_multiplier=3.0)
    client = fw.LocalSGD(optax.sgd(1.0), steps=1, batch_size=4, private=private)
    run = fw.train(fw.fedavg(flat, client), one, rounds=1, cohort=1, progress=False, engine=ENGINE)
    p = stats.kstest(np.asarray(run.weights.params["w"]), "norm", (0, scale * 0.5 * 3 / 4)).pvalue
    assert p > 0.01 if scale == 1.0 else p < 1e-6


def test_records_hold_the_epsilon_of_who_passed_over_its_examples_most(tmp_path):
    private = fw.PerExample(noise_multiplier=4.0)
    algorithm = fw.fedavg(model, local_sgd(optax.sgd(RATE), private=private))
    folder = fw.RunFolder(tmp_path / "run")
    run = train(algorithm, callbacks=[folder])
    times = np.zeros(CLIENTS, int)
    for number in range(1, ROUNDS + 1):
        times[cohort(number)] += 2  # epochs
        most = epsilon(
            4.0, sampling=Unsampled.every_round(10), rounds=times.max(), delta=1e-5, interval=1e-3
        )
        assert run.history[number]["example_epsilon"] == pytest.approx(most, rel=2e-3)
    told = (folder.path / "privacy.json").read_text()
    assert told.count('"passes"') == len(np.unique(times))


def test_over_selection_is_refused_since_others_report_than_are_counted():
    algorithm = fw.fedavg(model, local_sgd(optax.sgd(RATE), private=fw.PerExample()))
    with pytest.raises(ParameterError, match="^clock: with over_selection"):
        train(algorithm, clock=fw.Clock(over_selection=1.5))


def test_what_no_noise_would_hide_is_refused():
    private = fw.PerExample()
    local = local_sgd(optax.sgd(RATE), private=private)
    mixed = fw.augment.Mixup(0.2)
    for build in (
        lambda: fw.scaffold(model, local),
        lambda: train(fw.apfl(model, local)),
        lambda: local_sgd(optax.sgd(RATE), private=private, augment=mixed),
        lambda: train(fw.fedavg(model, local), sampler=fw.samplers.PowerOfChoice(3)),
        lambda: fw.PerExample(noise_multiplier=0.0),
    ):
        with pytest.raises(ParameterError):
            build()
