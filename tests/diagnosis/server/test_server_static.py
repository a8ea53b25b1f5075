"""Causes that are seen in aggregation, server and sampling before any run."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from server_setups import in_sequence, never, own, setup, suspected

import fedwhy as fw
from fedwhy import aggregators
from fedwhy.algorithms.compressed_broadcast import compressed_broadcast
from fedwhy.diagnosis import Evidence, Severity

EVERY = [f"FW4{number:02}" for number in range(1, 15)]
SKEWED, UNEVEN = fw.QuantitySkew(alpha=0.3), fw.QuantitySkew(alpha=0.1)


def stale(concurrency):
    """What an asynchronous run needs besides its algorithm."""
    return {
        "build": fw.fedbuff,
        "max_staleness": 50,
        "cohort": 1,
        "rounds": 30,
        "sampler": fw.samplers.Asynchronous(concurrency),
        "clock": fw.Clock(spread=0.1, network_spread=0.1),
    }


def gone_after(code, broken, edit=None):
    """Whether the prescription takes the suspicion away."""
    found = suspected(code, broken)
    return suspected(code, (edit or found.prescription).apply(broken)) is None


@pytest.mark.parametrize(
    ("build", "options", "ratio", "steady", "adaptive"),
    [
        (fw.fedavg, {}, 1.0, 1.0, False),
        (fw.fedavg, {"server": optax.sgd(0.3)}, 0.3, 0.3, False),
        (fw.fedavgm, {}, 1.0, (1 - 0.9**10) / (1 - 0.9), False),
        (fw.fedavg, {"server": optax.adam(0.02)}, 2.0, 2.0, True),
    ],
)
def test_a_server_is_known_by_its_steps(digits, build, options, ratio, steady, adaptive):
    facts = Evidence(setup(digits, build=build, **options)).server
    assert facts.ratio == pytest.approx(ratio, rel=0.05)
    assert facts.steady == pytest.approx(steady, rel=0.05)
    assert facts.adaptive is adaptive
    assert facts.followed == pytest.approx(1.0)


def test_a_server_beyond_the_mean_is_too_fast_and_one_far_below_it_too_slow(digits):
    fast, slow = (setup(digits, server=optax.sgd(rate)) for rate in (10.0, 0.01))
    assert suspected("FW401", fast).confidence > 0.7
    assert suspected("FW402", fast) is None
    assert gone_after("FW401", fast)
    assert suspected("FW402", slow).confidence > 0.7
    assert suspected("FW401", slow) is None
    assert gone_after("FW402", slow)


@pytest.mark.parametrize("build", [fw.fedadam, fw.fedyogi, fw.fedadagrad])
def test_an_adaptive_server_at_one_is_suspected_and_repaired(digits, build):
    broken = setup(digits, build=build, learning_rate=1.0)
    found = suspected("FW403", broken)
    assert found.confidence == 0.9
    assert gone_after("FW403", broken)
    assert found.prescription.changes(
        {"algorithm": {"name": build.__name__}, "server": {"learning_rate": 1.0}}
    )[0].value == pytest.approx(0.01, rel=0.3)
    assert suspected("FW403", setup(digits, build=build)) is None


def test_where_no_adaptive_rate_helps_the_plain_mean_is_tried(digits):
    broken = setup(digits, server=optax.adam(1.0))
    (plain,) = suspected("FW403", broken).others
    assert gone_after("FW403", broken, plain)
    assert Evidence(plain.apply(broken)).server.ratio == pytest.approx(1.0)


def test_means_in_sequence_are_told_from_other_failures(digits):
    broken = setup(digits)
    broken = broken.changed(algorithm=broken.algorithm.with_aggregator(own(in_sequence)))
    found = suspected("FW404", broken)
    assert found.evidence["shares"] == pytest.approx([1 / 16, 1 / 8, 1 / 4, 1 / 2], abs=1e-3)
    assert found.severity == Severity.error
    assert suspected("FW412", broken) is None
    assert found.prescription.apply(broken).algorithm.aggregator.name == "mean"
    assert gone_after("FW404", broken)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda leaf: leaf.sum(axis=0) / 2, "100% off"),
        (lambda leaf: leaf[-1], "order"),
        (lambda leaf: 0.7 * leaf[0] + 0.3 * leaf[1:].mean(axis=0), "order"),
    ],
)
def test_an_aggregation_that_is_no_mean_fails_its_self_test(digits, rule, words):
    broken = setup(digits)
    broken = broken.changed(algorithm=broken.algorithm.with_aggregator(own(rule)))
    assert words in suspected("FW412", broken).why
    assert suspected("FW404", broken) is None
    assert gone_after("FW412", broken)


@pytest.mark.parametrize(
    "aggregator",
    [
        own(lambda leaf: leaf.mean(axis=0)),
        aggregators.median(),
        aggregators.trimmed_mean(byzantine=1),
        aggregators.secure_mean(1.0),
        aggregators.chain(aggregators.clip(0.1), aggregators.mean()),
        aggregators.chain(aggregators.quantize(4), aggregators.mean()),
    ],
    ids=lambda aggregator: aggregator.name,
)
def test_what_changes_updates_by_design_is_not_held_to_the_self_test(digits, aggregator):
    healthy = setup(digits)
    healthy = healthy.changed(algorithm=healthy.algorithm.with_aggregator(aggregator))
    assert suspected("FW412", healthy) is None
    assert suspected("FW404", healthy) is None


def test_a_server_that_leaves_its_weights_fails_the_self_test(digits):
    healthy = setup(digits)
    stuck = healthy.algorithm._replace(server=lambda server, aggregate, round: server)
    assert "do not move" in suspected("FW412", healthy.changed(algorithm=stuck)).why


def test_a_server_that_goes_against_the_mean_update_is_certain(digits):
    broken = setup(digits, server=optax.scale(1.0))
    found = suspected("FW412", broken)
    assert found.evidence["cosine"] == pytest.approx(-1) and found.severity == Severity.error
    assert gone_after("FW412", broken)


def test_clients_that_count_alike_are_suspected_where_sizes_differ(digits):
    broken = setup(digits, SKEWED, weighting="uniform")
    found, sizes = suspected("FW405", broken), broken.clients.sizes
    assert found.evidence["moved"] == pytest.approx(abs(sizes / sizes.sum() - 0.1).sum() / 2)
    assert gone_after("FW405", broken)
    assert suspected("FW405", setup(digits, weighting="uniform")) is None
    weighted = broken.changed(sampler=fw.samplers.Weighted(), cohort=3)
    assert suspected("FW405", weighted) is None


def test_clients_that_hardly_count_are_heard_with_a_cap(digits):
    broken = setup(digits, UNEVEN, 20)
    found, sizes = suspected("FW406", broken), broken.clients.sizes
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    assert found.evidence["effective_clients"] == pytest.approx(effective)
    assert gone_after("FW406", broken, found.counterfactual)
    capped = found.prescription.apply(broken)
    heard = Evidence(capped).server.shares
    assert 1 / np.square(np.asarray(heard)).sum() > 1.5 * effective


def test_other_weights_leave_what_stands_before_the_mean(digits):
    bounded = aggregators.chain(aggregators.validate(max_norm=5.0), aggregators.mean())
    broken = setup(digits, UNEVEN, 20)
    broken = broken.changed(algorithm=broken.algorithm.with_aggregator(bounded))
    found = suspected("FW406", broken)
    long = aggregators.Message({"kernel": np.full(2, 10.0, np.float32)}, jnp.float32(1))
    for edit in (found.prescription, found.counterfactual):
        mended = edit.apply(broken).algorithm.aggregator
        assert mended.refusal(long) == bounded.refusal(long) != 0
    assert gone_after("FW406", broken, found.counterfactual)


DISTURBED = {
    "attack": lambda made: made.with_aggregator(hostile(made.aggregator)),
    "broadcast": lambda made: compressed_broadcast(made, aggregators.quantize(8)),
    "both": lambda made: compressed_broadcast(
        made.with_aggregator(hostile(hostile(made.aggregator))), aggregators.half_precision()
    ),
}


def hostile(aggregator):
    return aggregators.attacked(aggregator, aggregators.attacks.alie(1.0), clients=[1])


def disturbed(setup, how):
    return setup.changed(algorithm=DISTURBED[how](setup.algorithm))


@pytest.mark.parametrize("how", DISTURBED)
def test_weights_and_steps_are_known_under_attack_and_behind_a_compressed_broadcast(digits, how):
    alike = disturbed(setup(digits, SKEWED, weighting="uniform"), how)
    assert suspected("FW405", alike) is not None
    assert gone_after("FW405", alike)
    few = disturbed(setup(digits, UNEVEN, 20), how)
    found = suspected("FW406", few)
    assert gone_after("FW406", few, found.counterfactual)
    assert Evidence(few).server.ratio == pytest.approx(1.0)
    fast = disturbed(setup(digits, server=optax.sgd(10.0)), how)
    assert suspected("FW401", fast).confidence > 0.7


@pytest.mark.parametrize("sent", [lambda made: made, DISTURBED["broadcast"]], ids=["", "packed"])
def test_an_aggregation_of_the_users_own_is_tested_without_its_attackers(digits, sent):
    def under(rule):
        made = setup(digits)
        attacked = made.algorithm.with_aggregator(hostile(own(rule)))
        return made.changed(algorithm=sent(attacked))

    assert "100% off" in suspected("FW412", under(lambda leaf: leaf.sum(axis=0) / 2)).why
    assert suspected("FW412", under(lambda leaf: leaf.mean(axis=0))) is None


def test_a_mean_in_a_chain_of_its_own_has_the_same_shares(digits):
    made = setup(digits, SKEWED)
    rule = aggregators.chain(aggregators.validate(), aggregators.mean())
    chained = made.changed(algorithm=made.algorithm.with_aggregator(rule))
    shares, expected = (np.asarray(Evidence(each).server.shares) for each in (chained, made))
    np.testing.assert_allclose(shares, expected)


def test_a_cohort_of_one_is_too_small_and_made_larger(digits):
    broken = setup(digits, number=30, cohort=1)
    assert suspected("FW407", broken).standing
    assert gone_after("FW407", broken)


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": fw.samplers.Weighted(never(3, 27))},
        {
            "clock": fw.Clock(
                seconds_per_example=np.r_[np.full(5, 1e-3), np.full(25, 9.0)], deadline=30.0
            )
        },
    ],
    ids=["sampler", "deadline"],
)
def test_clients_that_never_take_part_are_counted(digits, options):
    broken = setup(digits, number=30, cohort=3, rounds=40, **options)
    found = suspected("FW408", broken)
    assert found.evidence["seen"] <= 5
    assert found.evidence["expected"] == pytest.approx(30 * (1 - 0.9**40))
    assert gone_after("FW408", broken)


def test_who_is_too_late_follows_from_the_size_of_the_model(digits):
    upload = np.r_[np.full(2, 2000.0), np.full(8, 4000.0)]  # Bytes a second, for a kernel of 2,560.
    clock = fw.Clock(1e-9, download=1e9, upload=upload, latency=0.0, deadline=1.0)
    assert np.flatnonzero(
        Evidence(setup(digits, clock=clock)).participation.times == 0
    ).tolist() == [0, 1]


@pytest.mark.parametrize("sampler", [None, fw.samplers.Cyclic(), fw.samplers.Poisson()])
def test_samplers_that_reach_everybody_are_fine(digits, sampler):
    assert suspected("FW408", setup(digits, number=30, cohort=3, sampler=sampler)) is None


def test_staleness_is_known_before_the_run_and_lowered(digits):
    broken = setup(digits, **stale(concurrency=10))
    found = suspected("FW409", broken)
    assert found.evidence["staleness"] > 5
    assert gone_after("FW409", broken)
    assert gone_after("FW409", broken, found.counterfactual)
    assert suspected("FW409", setup(digits, **stale(concurrency=2))) is None


def test_staleness_of_a_sampler_of_the_users_own_is_seen(digits):
    class Slow:
        waits = False

        def draw(self, population, size, seed, round):
            cohort = fw.samplers.Uniform().draw(population, size, seed, round)
            old = np.full(len(cohort.clients), min(4, round - 1), np.int32)
            return cohort._replace(staleness=old)

    options = {"build": fw.fedbuff, "max_staleness": 10, "rounds": 30}
    broken = setup(digits, sampler=Slow(), **options)
    assert suspected("FW409", broken).evidence["staleness"] > 3
    assert gone_after("FW409", broken)
    assert suspected("FW409", setup(digits, **options)) is None


def test_a_model_that_is_not_evaluated_or_not_sent_is_an_error(digits):
    healthy = setup(digits)
    begins = healthy.algorithm.init

    def remembering(weights, population):
        return begins(weights, population)._replace(memory=weights)

    another = healthy.algorithm._replace(init=remembering, evaluated=lambda server: server.memory)
    broken = healthy.changed(algorithm=another)
    assert suspected("FW410", broken).severity == Severity.error
    assert gone_after("FW410", broken)
    sends = healthy.algorithm.broadcast
    same = healthy.algorithm._replace(
        init=remembering,
        broadcast=lambda server: sends(server._replace(weights=server.memory)),
    )
    assert "stays the same" in suspected("FW410", healthy.changed(algorithm=same)).why


@pytest.mark.parametrize("average", [fw.ema, fw.swa])
def test_averages_of_the_model_follow_it(digits, average):
    healthy = setup(digits)
    averaged = healthy.changed(algorithm=average(healthy.algorithm))
    assert suspected("FW410", averaged) is None


HEALTHY = {
    "iid": (fw.IID(), 10),
    "dirichlet": (fw.Dirichlet(alpha=1.0), 10),
    "small clients": (fw.Dirichlet(alpha=1.0), 60),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_rounds_raise_no_finding_that_stands(digits, name):
    partition, clients = HEALTHY[name]
    healthy = setup(digits, partition, clients, cohort=10)
    found = [suspected(code, healthy) for code in EVERY]
    assert not any(suspicion and suspicion.standing for suspicion in found)
