"""Runs with differential privacy: what they spend, what they record, what they refuse."""

import json
import math

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

import fedwhy as fw
from fedwhy.aggregators import chain, local_noise, mean, noise, private_mean, tree
from fedwhy.errors import CheckpointError, ParameterError
from fedwhy.privacy import FixedSize, PoissonSampling, epsilon
from fedwhy.simulation.samplers import Diurnal, Population
from fedwhy.simulation.samplers.poisson import room
from fedwhy.tracking import read_record

pytest.importorskip("dp_accounting")

ENGINE = fw.Engine(lanes=1, devices=1, lowering="off")
POISSON = fw.samplers.Poisson()


def private(model, aggregator=None, cohort=2, **options):
    options = {"cohort": cohort, "noise_multiplier": 2.0, "delta": 1e-3, **options}
    client = fw.LocalSGD(optax.sgd(0.1), steps=1, batch_size=1)
    return fw.fedavg(model, client).with_aggregator(aggregator or private_mean(**options))


def train(algorithm, clients, rounds=6, cohort=2, **options):
    options = {"engine": ENGINE, "progress": False, "sampler": POISSON, **options}
    return fw.train(algorithm, clients, rounds=rounds, cohort=cohort, **options)


def test_progress_tells_what_is_spent(quadratics, quadratic_model, capsys):
    run = train(private(quadratic_model), quadratics, progress=True)
    told = "".join(capsys.readouterr())
    assert f"epsilon {run.history[-1]['epsilon']:.3g}" in told


def test_every_record_holds_the_epsilon_of_all_rounds_so_far(quadratics, quadratic_model):
    run = train(private(quadratic_model), quadratics)
    told = [record["epsilon"] for record in run.history[1:]]
    known = {"sampling": PoissonSampling(0.5), "delta": 1e-3}
    direct = [epsilon(2.0, rounds=number, **known) for number in range(1, 7)]
    np.testing.assert_allclose(told, direct, rtol=2e-3)
    assert run.summary()["epsilon"] == told[-1]
    for name in ("clip_norm", "clipped", "noise_norm", "signal_norm", "signal_to_noise"):
        assert math.isfinite(run.history[-1][name])


def test_rounds_of_nobody_move_the_model_by_noise_and_count(quadratics, quadratic_model):
    run = train(private(quadratic_model, cohort=1), quadratics, rounds=30, cohort=1)
    empty = [number for number, record in enumerate(run.history) if record.get("clients") == 0]
    assert empty and all(run.history[number]["aggregate_norm"] > 0.1 for number in empty)
    told = [record["epsilon"] for record in run.history[1:]]
    assert np.all(np.diff(told) > 0)


def test_server_is_told_the_planned_number_of_clients(quadratics, quadratic_model):
    base = private(quadratic_model)
    told = base._replace(
        init=lambda *given: base.init(*given)._replace(memory=jnp.zeros(8, jnp.int32)),
        server=lambda server, aggregate, round: server._replace(
            memory=server.memory.at[round.number].set(round.clients)
        ),
    )
    run = train(told, quadratics)
    assert run.server.memory[1:7].tolist() == [2] * 6
    assert {record["clients"] for record in run.history[1:]} != {2}


def test_run_goes_on_as_if_it_had_never_stopped(quadratics, quadratic_model, tmp_path):
    for aggregator in (private_mean(cohort=2, delta=1e-3, noise=tree(8)), None):
        sampler = fw.samplers.Cyclic() if aggregator else POISSON
        algorithm, folder = private(quadratic_model, aggregator), tmp_path / str(bool(aggregator))
        whole = train(algorithm, quadratics, sampler=sampler)
        keeps = {"sampler": sampler, "callbacks": [fw.RunFolder(folder)]}
        train(algorithm, quadratics, rounds=3, **keeps)
        parted = train(algorithm, quadratics, resume=folder, **keeps)
        assert whole.weights.params["w"] == parted.weights.params["w"]
        for a, b in zip(whole.history, parted.history, strict=True):
            assert a.get("epsilon") == b.get("epsilon")
        spent = json.loads((folder / "privacy.json").read_text())
        assert spent["rounds"] == 6 and spent["epsilon"] == whole.history[-1]["epsilon"]
        assert read_record(folder)["privacy"] == spent
        assert "Epsilon" in (folder / "report.html").read_text()


def test_run_does_not_go_on_with_other_noise(quadratics, quadratic_model, tmp_path):
    folder = fw.RunFolder(tmp_path / "run")
    train(private(quadratic_model), quadratics, rounds=1, callbacks=[folder])
    for other in (private(quadratic_model, noise_multiplier=9.0), private(quadratic_model, mean())):
        with pytest.raises(CheckpointError, match="privacy"):
            train(other, quadratics, resume=folder.path)


def test_uniform_cohorts_are_accounted_as_samples_of_fixed_size(quadratics, quadratic_model):
    run = train(private(quadratic_model), quadratics, rounds=2, sampler=fw.samplers.Uniform())
    known = epsilon(2.0, sampling=FixedSize(2, 4), rounds=2, delta=1e-3)
    assert run.history[-1]["epsilon"] == pytest.approx(known)


def test_cyclic_rounds_cost_as_much_as_a_client_takes_part(quadratics, quadratic_model):
    run = train(private(quadratic_model), quadratics, rounds=4, sampler=fw.samplers.Cyclic())
    once, _, twice, again = (record["epsilon"] for record in run.history[1:4] + run.history[4:])
    assert run.history[2]["epsilon"] == once < twice == again


def test_local_noise_costs_most_who_takes_part_most(quadratics, quadratic_model):
    aggregator = chain(local_noise(noise_multiplier=4.0, delta=1e-3), mean("uniform"))
    run = train(private(quadratic_model, aggregator), quadratics, sampler=fw.samplers.Cyclic())
    told = [record["epsilon"] for record in run.history[1:]]
    assert told[0] == told[1] < told[2] == told[3] < told[4]
    one = epsilon(2.0, sampling=PoissonSampling(1.0), rounds=1, delta=1e-3)
    assert told[0] == pytest.approx(one, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cohort": 1}, "planned for 2"),
        ({"cohort": 3}, "planned for 2"),
        ({"sampler": fw.samplers.Weighted()}, "Poisson"),
        ({"sampler": fw.samplers.PowerOfChoice(3)}, "Poisson"),
        ({"sampler": fw.samplers.Available(fw.samplers.Weighted(), Diurnal())}, "Poisson"),
        ({"sampler": fw.samplers.Uniform(), "clock": fw.Clock(deadline=1.0)}, "in time"),
    ],
)
def test_guarantee_that_would_not_hold_is_refused(quadratics, quadratic_model, options, message):
    with pytest.raises(ParameterError, match=message):
        train(private(quadratic_model), quadratics, **options)


def test_correlated_noise_needs_to_know_who_comes_and_to_last(quadratics, quadratic_model):
    short = private(quadratic_model, noise=tree(3))
    with pytest.raises(ParameterError, match="noise is made for 3"):
        train(short, quadratics, rounds=4, sampler=fw.samplers.Cyclic())
    run = train(short, quadratics, rounds=3)  # Poisson's schedule as if it were known.
    assert run.history[-1]["epsilon"] > 0


def test_large_delta_is_warned_of(quadratics, quadratic_model, caplog):
    train(private(quadratic_model, delta=0.3), quadratics, rounds=1)
    assert "publish one of 4 clients" in caplog.text


@pytest.mark.parametrize("algorithm", [fw.mime, fw.fedlin])
def test_first_exchange_that_nothing_hides_is_refused(quadratic_model, algorithm):
    client = fw.LocalSGD(optax.sgd(0.1), steps=1)
    with pytest.raises(ParameterError, match="before they train"):
        algorithm(quadratic_model, client).with_aggregator(private_mean(cohort=2))


def test_central_noise_without_a_guarantee_tells_no_epsilon(quadratics, quadratic_model):
    from fedwhy.aggregators import Link, Traits

    clip = Link("clip", traits=Traits(bounds=True))
    aggregator = chain(clip, noise(0.1), mean("uniform"))
    run = train(private(quadratic_model, aggregator), quadratics, rounds=1)
    assert "epsilon" not in run.history[-1] and run.history[-1]["noise_norm"] > 0


def test_fedsgd_with_a_private_mean_is_private_gradient_descent(quadratics, quadratic_model):
    descent = fw.fedsgd(quadratic_model, learning_rate=0.5).with_aggregator(
        private_mean(clip=3.0, noise_multiplier=1e-3, cohort=4, delta=1e-3)
    )
    run = train(descent, quadratics, rounds=1, cohort=4)
    slopes = np.array([1.0, 2, 4, 8]) * (10 - np.array([0.0, 1, -2, 3]))
    assert run.history[-1]["epsilon"] > 1e4
    assert run.weights.params["w"] == pytest.approx(
        10 - 0.5 * np.minimum(slopes, 3).sum() / 4, abs=5e-3
    )


def test_poisson_draws_every_client_independently(quadratics):
    there = Population(quadratics, np.arange(4), lambda drawn: np.zeros(len(drawn)))
    came = np.zeros((4000, 4))
    for number in range(4000):
        came[number, POISSON.draw(there, 1, 7, number).clients] = 1
    assert stats.binomtest(int(came.sum()), 16000, 0.25).pvalue > 1e-3
    assert np.abs(np.corrcoef(came.T) - np.eye(4)).max() < 0.06
    sizes = np.bincount(came.sum(axis=1).astype(int), minlength=5)
    assert stats.chisquare(sizes, 4000 * stats.binom.pmf(range(5), 4, 0.25)).pvalue > 1e-3


@pytest.mark.parametrize(("size", "clients"), [(1, 100), (10, 1000), (1000, 100_000), (90, 100)])
def test_cohorts_have_room_for_all_but_one_in_1e30_draws(size, clients):
    most = room(size, clients)
    assert most <= clients and stats.binom.sf(most, clients, size / clients) < 1e-30
