"""Chains: pieces in order, their states, what they measure, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fedwhy.aggregators import (
    Changed,
    Decoded,
    Link,
    Message,
    Traits,
    adaptive_clipping,
    adaptive_zeroing,
    chain,
    clip,
    local_noise,
    majority_vote,
    mean,
    private_mean,
    stacked,
    validate,
)
from fedwhy.errors import ParameterError
from fedwhy.federated import trees


def times(factor):
    """A link that multiplies at the client, counts, and divides at the server."""

    def encode(message, kept, state, key):
        update = trees.scale(message.update, factor)
        return Changed(message._replace(update=update), kept + 1, jnp.ones(()))

    def decode(aggregate, reported, state, key):
        return Decoded(trees.scale(aggregate, 1 / factor), state + reported, {"seen": reported})

    def none(update):
        return jnp.zeros(())

    return Link("times", encode, decode, init=none, enrol=none)


def around(aggregator, messages):
    """A round of the aggregator alone: (decoded, what clients keep)."""
    key, update = jax.random.key(0), messages[0].update
    state, kept = aggregator.init(update), aggregator.enrol(update)
    encode, decode = jax.jit(aggregator.encode), jax.jit(aggregator.decode)
    encoded, keeps = zip(*(encode(m, kept, state, key) for m in messages), strict=True)
    total = jax.tree.map(lambda *leaves: sum(leaves[1:], start=leaves[0]), *encoded)
    return decode(total, state, key), keeps


MESSAGES = [Message({"w": jnp.float32(v)}, jnp.float32(n)) for v, n in ((1.0, 3), (5.0, 1))]


def test_links_change_messages_on_the_way_out_and_undo_it_on_the_way_back():
    decoded, kept = around(chain(times(2.0), times(3.0), mean()), MESSAGES)
    assert decoded.aggregate["w"] == pytest.approx(2.0)
    assert jax.device_get(kept) == ((1, 1, ()), (1, 1, ()))
    assert jax.device_get(decoded.state) == (2, 2, ())


def test_measurements_of_the_same_name_are_numbered():
    decoded, _ = around(chain(times(2.0), times(3.0), times(4.0), mean()), MESSAGES)
    assert jax.device_get(decoded.measured) == {"seen": 2, "seen_2": 2, "seen_3": 2}


@pytest.mark.parametrize(
    ("update", "weight", "reason"),
    [
        (1.0, 10, 0),
        (np.nan, 10, 1),
        (np.inf, 10, 1),
        (1e30, 10, 1),
        (1.0, 0, 2),
        (1.0, -9, 2),
        (1.0, np.nan, 2),
        (1.0, 1e30, 2),
        (7.0, 10, 3),
    ],
)
def test_message_that_would_spoil_the_mean_is_refused_with_its_reason(update, weight, reason):
    refusal = chain(validate(max_norm=5.0), mean()).refusal
    message = Message({"a": jnp.zeros(3), "b": jnp.float32(update)}, jnp.float32(weight))
    assert refusal(message) == reason


def test_chain_of_a_chain_takes_what_that_takes_unless_it_says_itself():
    strict, message = validate(max_norm=5.0), Message({"w": jnp.float32(7.0)}, jnp.float32(1))
    within = chain(strict, mean())
    assert chain(times(2.0), within).refusal(message) == 3
    assert chain(validate(), times(2.0), within).refusal(message) == 0


bounding = Link("clip", traits=Traits(bounds=True))
noise = Link("noise", traits=Traits(noisy=True))
packing = Link("quantize", traits=Traits(packs=True))
holding = Link("count_sketch", traits=Traits(carries=True))
secret = mean("uniform")._replace(name="secure_mean", traits=Traits(hides=True))
median = stacked("median", lambda stack: stack.encoded)
feedback = Link("error_feedback", enrol=lambda update: update)
learning = Link("adaptive", init=lambda update: jnp.zeros(()))
private = private_mean(cohort=2)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ((), "expected a rule"),
        ((bounding,), "expected a rule"),
        ((noise, bounding, mean("uniform")), "put clip"),
        ((bounding, noise, mean()), "uniform"),
        ((packing, bounding, mean()), "come last"),
        ((packing, secret), "cannot be summed"),
        ((bounding, noise, packing, mean("uniform")), "quantize .* longer"),
        ((bounding, holding, noise, mean("uniform")), "count_sketch .* longer"),
        ((secret, median), "take one rule"),
        ((bounding, validate(), mean()), "comes first"),
        ((bounding, noise, median), "not known"),
        ((bounding, noise, majority_vote()), "what majority_vote makes .* not known"),
        ((bounding, feedback, noise, mean("uniform")), "put clip"),
        ((bounding, noise, feedback, mean("uniform")), "clip after it"),
        ((local_noise(), mean()), "uniform"),
        ((local_noise(), private), "take one"),
        ((learning, private), "does not hide"),
        ((learning, local_noise(), mean("uniform")), "does not hide; .* after local_noise"),
        ((adaptive_clipping(), local_noise(), mean("uniform")), "adaptive_clipping learns at"),
        ((adaptive_zeroing(), private), "adaptive_zeroing learns at .*AdaptiveClip"),
        ((clip(), noise, chain(packing, mean("uniform"))), "quantize, mean .* longer"),
        ((noise, private), "put clip"),
    ],
)
def test_combination_without_a_meaning_is_refused(pieces, message):
    with pytest.raises(ParameterError, match=message):
        chain(*pieces)


def test_meaningful_combinations_are_built():
    assert chain(bounding, noise, mean("uniform")).traits.noisy
    assert chain(local_noise(), packing, mean("uniform")).traits.packs
    assert chain(bounding, median).stacks
    hidden = local_noise()  # Whatever is made of what is hidden already.
    assert chain(hidden, median).privacy == hidden.privacy
    assert chain(hidden, learning, mean("uniform")).privacy == hidden.privacy
    assert chain(clip(), hidden, mean("uniform")).privacy == hidden.privacy
    assert chain(feedback, private).privacy == private.privacy  # Clipped last of all.
    assert chain(packing, private).privacy == private.privacy
    assert chain(clip(), noise, packing, mean("uniform")).traits.packs
