"""Updates of one round, against the round's own arithmetic."""

import jax
import numpy as np
import pytest
from examined import HOSTILE, setup_of

import fedwhy as fw
from fedwhy import aggregators as ag
from fedwhy.diagnosis.facts.updates import Examination, beginning, examine
from fedwhy.errors import ParameterError
from fedwhy.federated import trees

DIRICHLET = fw.Dirichlet(alpha=1.0)


@pytest.fixture(scope="module")
def plain():
    setup = setup_of(DIRICHLET)
    return setup, examine(setup, beginning(setup), 1)


def test_their_weighted_mean_is_the_step_that_the_round_makes(plain):
    setup, updates = plain
    run = setup.train(1, 0)
    step = trees.subtract(run.weights.params, jax.device_get(beginning(setup).weights.params))
    weight = updates.weight / updates.weight.sum()
    scaled = weight * updates.norm
    length = pytest.approx(float(trees.norm(step)), rel=1e-3)
    assert np.sqrt(scaled @ updates.cosine @ scaled) == length
    assert updates.mean_norm == length
    assert run.history[1]["update_norm_mean"] == pytest.approx(updates.norm.mean(), rel=1e-3)


def test_under_fltrust_they_weigh_as_much_as_they_are_trusted():
    setup = setup_of(DIRICHLET)
    server = fw.Dataset(setup.clients.x[:50], setup.clients.y[:50], classes=10)
    setup = setup.changed(algorithm=fw.trust.fltrust(setup.algorithm, server))
    updates, run = examine(setup, beginning(setup), 1), setup.train(1, 0)
    step = trees.subtract(run.weights.params, jax.device_get(beginning(setup).weights.params))
    scaled = updates.weight / updates.weight.sum() * updates.norm
    length = pytest.approx(float(trees.norm(step)), rel=1e-3)
    assert np.sqrt(scaled @ updates.cosine @ scaled) == length


def test_weights_are_numbers_of_examples_and_names_those_of_the_clients(plain):
    setup, updates = plain
    np.testing.assert_array_equal(updates.weight, setup.clients.sizes[updates.position])
    assert updates.ids == tuple(setup.clients.ids)


def test_the_loss_before_is_that_of_the_initial_model_and_training_lowers_it(plain):
    setup, updates = plain
    own = setup.clients.client("client-003")
    weights = beginning(setup).weights
    output, _ = setup.model.apply(*weights, own.x, None, False)
    assert updates.before[3] == pytest.approx(float(setup.model.loss(output, own.y).mean()), 1e-4)
    assert (updates.after < updates.before).all()


def test_confusion_counts_every_example_once(plain):
    setup, updates = plain
    assert updates.confusion.sum() == len(setup.clients)
    labels = [np.bincount(setup.clients.client(id).y, minlength=10) for id in setup.clients.ids]
    np.testing.assert_array_equal(updates.confusion.sum(axis=2), labels)


def test_links_and_attacks_stay_in_effect():
    flipped = ag.attacked(
        ag.chain(ag.clip(0.25), ag.error_feedback(ag.top_k(0.5)), ag.median()),
        ag.attacks.sign_flip(),
        clients=[3, 7],
    )
    setup = setup_of(DIRICHLET, aggregator=flipped)
    updates = examine(setup, beginning(setup), 1)
    hostile = np.isin(updates.ids, HOSTILE)
    assert (updates.norm <= 0.2501).all() and (updates.trained_norm > 0.3).all()
    assert (updates.fidelity[hostile] < -0.8).all() and (updates.fidelity[~hostile] > 0.8).all()
    assert (updates.weight == 1).all()


def test_attackers_who_know_what_others_send_are_seen_as_the_rule_sees_them():
    against = ag.attacks.inner_product_manipulation(2.0)
    setup = setup_of(DIRICHLET, aggregator=ag.attacked(ag.mean(), against, clients=[3, 7]))
    updates = examine(setup, beginning(setup), 1)
    assert updates.cosine[3, 7] == pytest.approx(1)
    honest = np.setdiff1d(np.arange(10), [3, 7])
    both = updates.norm[honest] @ updates.cosine[np.ix_(honest, honest)] @ updates.norm[honest]
    assert updates.norm[3] == pytest.approx(2 * np.sqrt(both) / 8, rel=1e-3)


def test_what_clients_keep_is_read_and_stays_as_it_was():
    setup = setup_of(DIRICHLET)
    scaffold = fw.scaffold(setup.model, setup.local)
    setup = setup.changed(algorithm=scaffold)
    examination, server = Examination(setup), beginning(setup)
    first, second = (examination(server, 1) for _ in range(2))
    np.testing.assert_array_equal(first.norm, second.norm)


def test_several_models_do_not_compare():
    setup = setup_of(DIRICHLET)
    with pytest.raises(ParameterError, match="several models"):
        Examination(setup.changed(algorithm=fw.ifca(setup.model, setup.local, clusters=2)))
