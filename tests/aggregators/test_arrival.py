"""Messages from elsewhere: what is refused, why, and that nothing else changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fedwhy.aggregators import (
    Changed,
    Decoded,
    Link,
    Message,
    aggregate,
    chain,
    krum,
    mean,
    private_mean,
    stacked,
)
from fedwhy.algorithms import Update
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.models import Weights

LIKE = {"dense": {"bias": jnp.zeros(4), "kernel": jnp.zeros((3, 4))}}


def update(value, **changes):
    """An update of ones times `value`, but for the leaves of its layer named in `changes`."""
    leaves = {"bias": np.zeros(4, np.float32), "kernel": np.full((3, 4), value, np.float32)}
    return {"dense": {name: leaf for name, leaf in (leaves | changes).items() if leaf is not None}}


HOLE = np.ones((3, 4), np.float32)
HOLE[2, 1] = np.nan
BAD = {
    "missing leaf": (
        (update(1, kernel=None), 5),
        "dense/kernel: expected float32[3,4], given noth",
    ),
    "surplus leaf": (
        (update(1, scale=np.ones(2)), 5),
        "dense/scale: expected nothing, given float",
    ),
    "broadcastable": (
        (update(1, kernel=np.ones(4, np.float32)), 5),
        "dense/kernel: expected float32[3,4], given float32[4]",
    ),
    "dtype": ((update(1, bias=np.ones(4)), 5), "dense/bias: expected float32[4], given float64[4]"),
    "no array": ((update(1, bias=object()), 5), "dense/bias: expected float32[4], given object[]"),
    "NaN": (
        (update(1, kernel=HOLE), 5),
        "dense/kernel: expected finite numbers, given nan at [2, 1]",
    ),
    "scalar for a leaf": ((update(1, bias=np.float32(1)), 5), "given float32[]"),
    "other containers": (
        (list(update(1).values()), 5),
        "dense/bias: expected float32[4], given not",
    ),
    "negative weight": ((update(1), -9), "weight: expected a positive number, given -9"),
    "no weight": ((update(1), 0), "weight: expected a positive number, given 0"),
    "vast weight": ((update(1), 1e300), "weight: expected a finite number, given 1e+300"),
    "large weight": ((update(1), 1e10), "its weight is not a positive, finite number within"),
    "many weights": ((update(1), np.ones(2)), "weight: expected a number, given float64[2]"),
    "text": ((update(1), "5"), "weight: expected a number, given <U1[]"),
    "seven entries": ((update(1), 5, 1.0, 1.0, -1, (), 7), "(update, weight), given a tuple of 7"),
    "trust in a tuple": ((update(1), 5, 1.0, 1e12), "(update, weight), given a tuple of 4"),
    "update alone": ((update(1),), "(update, weight), given a tuple of 1"),
    "keys without an order": (({"k": np.ones(2), 1: np.ones(2)}, 5), "expected the structure"),
    "far": ((update(1e20), 5), "so large that its norm overflows"),
    "no message": (update(1), "expected a Message or (update, weight), given dict"),
}


last = stacked("last", lambda stack: trees.row(stack.encoded, -1))


@pytest.mark.parametrize(("message", "reason"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("rule", [mean(), last], ids=["mean", "stacked"])
def test_bad_message_is_refused_by_name_and_nothing_else_changes(message, reason, rule):
    a, c = (update(2), 10), (update(5), 30)
    arrived = aggregate(rule, {"a": a, "b": message, "c": c}, like=LIKE)
    assert list(arrived.refused) == ["b"]
    assert arrived.refused["b"].startswith("client 'b': ") and reason in arrived.refused["b"]
    without = aggregate(rule, {"a": a, "c": c}, like=LIKE)
    assert without.refused == {} and not arrived.void
    assert float(arrived.aggregate["dense"]["kernel"][0, 0]) == (
        17 / 4 if rule.name == "mean" else 5
    )
    jax.tree.map(np.testing.assert_array_equal, arrived[:2], without[:2])


def test_chance_trust_and_reference_are_not_for_a_client_to_say():
    honest, rule = (update(1), 10), mean("importance")
    boasting = Message(update(9), jnp.float32(10), chance=1e-9, trust=1e12, reference=object())
    arrived = aggregate(rule, {"a": honest, "b": boasting}, like=LIKE)
    assert arrived.refused == {} and (arrived.aggregate["dense"]["kernel"] == 5).all()
    plain = aggregate(rule, {"a": honest, "b": (update(9), 10)}, like=LIKE)
    jax.tree.map(np.testing.assert_array_equal, arrived, plain)


def test_messages_that_nobody_trusts_more_have_a_private_mean():
    rule = private_mean(clip=1.0, noise_multiplier=1e-6, cohort=2)
    arrived = aggregate(rule, {"a": (update(1), 10), "b": (update(9), 1)}, like=LIKE)
    np.testing.assert_allclose(arrived.aggregate["dense"]["kernel"], 12**-0.5, rtol=1e-4)


def test_weighted_mean_with_weights_10_and_minus_9_is_that_of_the_first():
    arrived = aggregate(mean(), {"a": (update(1), 10), "b": (update(2), -9)}, like=LIKE)
    assert (arrived.aggregate["dense"]["kernel"] == 1).all()
    assert arrived.refused == {"b": "client 'b': weight: expected a positive number, given -9"}


@pytest.mark.parametrize("rule", [mean(), last], ids=["mean", "stacked"])
def test_round_whose_every_message_is_refused_is_void(rule):
    before = aggregate(rule, {"a": (update(1), 10)}, like=LIKE).state
    messages = {client: (update(1), 0) for client in "ab"}
    arrived = aggregate(rule, messages, like=LIKE, state=before)
    assert arrived.void and set(arrived.refused) == {"a", "b"} and arrived.state is before
    jax.tree.map(np.testing.assert_array_equal, arrived.aggregate, LIKE)
    nobody = aggregate(rule, {}, like=LIKE)
    assert nobody.void
    jax.tree.map(np.testing.assert_array_equal, nobody.aggregate, LIKE)


def test_round_of_fewer_messages_than_the_rule_needs_is_void():
    messages = {client: (update(1), 1) for client in "abcd"} | {"e": (update(np.nan), 1)}
    arrived = aggregate(krum(byzantine=1), messages, like=LIKE)
    assert arrived.void and list(arrived.refused) == ["e"] and arrived.state.number == 0


def test_round_of_nobody_is_void():
    arrived = aggregate(krum(), {}, like=LIKE)
    assert arrived.void and arrived.refused == {} and arrived.state.number == 0


def test_client_that_sends_two_messages_is_refused():
    pairs = [("b", (update(1), 10)), ("a", (update(2), 10)), ("b", (update(1), 10))]
    arrived = aggregate(mean(), pairs, like=LIKE)
    assert arrived.refused == {"b": "client 'b': expected one message a round, given 2"}
    assert (arrived.aggregate["dense"]["kernel"] == 2).all()


def half_of_the_old(beta=0.5):
    """A link that keeps something at the client, and draws: m <- beta m + u, plus its place."""

    def encode(message, kept, state, key):
        kept = trees.add(trees.scale(kept, beta), message.update)
        noise = jax.random.normal(key)
        return Changed(message._replace(update=kept), kept, (noise, message.position * 1.0))

    def decode(aggregate, reported, state, key):
        noise, places = reported
        return Decoded(aggregate, state + 1, {"noise": noise, "places": places, "round": state})

    return Link("momentum", encode, decode, lambda update: jnp.zeros(()), trees.zeros)


def test_clients_keep_their_state_and_their_place_from_one_aggregation_to_the_next():
    rule, good, bad = chain(half_of_the_old(), mean()), (update(1), 1), (update(np.nan), 1)
    one = aggregate(rule, {"x": bad, "a": good, "b": good}, like=LIKE)
    two = aggregate(rule, {"b": good, "a": bad, "c": good}, like=LIKE, state=one.state)
    assert list(one.state.clients) == ["a", "b"] and list(two.state.clients) == ["a", "b", "c"]
    kernels = {id: kept[0]["dense"]["kernel"][0, 0] for id, kept in two.state.clients.items()}
    assert kernels == {"a": 1, "b": 1.5, "c": 1}
    assert (two.aggregate["dense"]["kernel"] == 1.25).all()
    assert (one.measured["places"], two.measured["places"]) == (0 + 1, 1 + 2)
    assert (one.measured["round"], two.measured["round"]) == (0, 1)


def test_what_is_drawn_follows_from_seed_round_and_client():
    rule, messages = chain(half_of_the_old(), mean()), {"a": (update(1), 1)}
    one, again = (aggregate(rule, messages, like=LIKE, seed=1) for _ in range(2))
    later = aggregate(rule, messages, like=LIKE, seed=1, state=one.state)
    other = aggregate(rule, messages, like=LIKE, seed=2)
    noise = [arrival.measured["noise"] for arrival in (one, again, later, other)]
    assert noise[0] == noise[1] and len(set(noise)) == 3


def test_personal_parameters_that_are_not_sent_are_none():
    like = Update(Weights({"head": None, "body": jnp.zeros(2)}, {}))
    sent = Update(Weights({"head": None, "body": np.ones(2, np.float32)}, {}))
    whole = Update(Weights({"head": np.ones(1), "body": np.ones(2, np.float32)}, {}))
    arrived = aggregate(mean(), {"a": (sent, 1), 7: (whole, 1)}, like=like)
    assert arrived.aggregate.weights.params["head"] is None
    assert arrived.refused == {
        7: "client 7: weights/params/head: expected nothing, given float64[1]"
    }


@pytest.mark.parametrize("messages", [[1, 2], [("a", (update(1), 1), 2)], 5, [([], None)]])
def test_what_is_no_messages_by_client_raises(messages):
    with pytest.raises(ParameterError, match="pairs of client id and message"):
        aggregate(mean(), messages, like=LIKE)
