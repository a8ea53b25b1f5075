"""Noise with compression: what the server unpacks is clipped again, so that noise hides as much."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fedwhy as fw
from fedwhy.aggregators import (
    Message,
    adaptive_clipping,
    adaptive_zeroing,
    chain,
    clip,
    error_feedback,
    mean,
    noise,
    private_mean,
    quantize,
    rotated,
    validate,
)
from fedwhy.federated import trees

NORM = 0.5
UNIFORM = mean("uniform")
LENGTHENED = [0.0, 1.0, 2.0, 0.0, 0.0]  # By one bit: half of the time 1 becomes 2.
CHAINS = {  # All clip to NORM, the adaptive one in its first round.
    "noise": chain(clip(NORM), noise(), quantize(1), UNIFORM),
    "adaptive": chain(adaptive_clipping(norm=NORM), noise(), quantize(1), UNIFORM),
    "last of two": chain(clip(9.0), clip(NORM), noise(), rotated(quantize(1)), UNIFORM),
    "error feedback": chain(clip(NORM), noise(), error_feedback(quantize(1)), UNIFORM),
    "private mean": chain(quantize(1), private_mean(clip=NORM, cohort=2)),
}


def summand(aggregator, values, seed=0):
    """What one client adds to the sum of updates, the second time that it comes."""
    update = {"a": jnp.asarray(values[:3]), "b": jnp.asarray(values[3:])}
    message, state = Message(update, jnp.ones(())), aggregator.init(update)
    first, second = jax.random.split(jax.random.key(seed))
    _, kept = aggregator.encode(message, aggregator.enrol(update), state, first)
    return aggregator.encode(message, kept, state, second)[0].encoded.update


numbers = st.floats(width=32) | st.sampled_from([np.nan, np.inf, 3e38, 1e-45, 0.3])


@pytest.mark.parametrize("name", CHAINS)
@settings(max_examples=15, deadline=None)
@given(st.lists(numbers, min_size=5, max_size=5), st.integers(0, 99))
@example(LENGTHENED, 0)
@example(LENGTHENED, 1)
@example(LENGTHENED, 2)
def test_no_client_moves_the_sum_by_more_than_the_clipping_norm(name, values, seed):
    added = summand(CHAINS[name], np.array(values, np.float32), seed)
    assert float(trees.norm(added)) <= NORM * (1 + 1e-6)


def test_quantisation_alone_lengthens_updates():
    longer = chain(clip(NORM), quantize(1), UNIFORM)
    values = np.array(LENGTHENED, np.float32)
    assert max(float(trees.norm(summand(longer, values, seed))) for seed in range(3)) > 1.2 * NORM


@pytest.mark.parametrize(
    "aggregator",
    [
        chain(validate(), adaptive_zeroing(), clip(1.0), noise(1e-3), quantize(8), UNIFORM),
        chain(validate(), quantize(8), private_mean(noise_multiplier=0.05, cohort=10)),
    ],
    ids=["noise", "private_mean"],
)
def test_noised_and_quantised_updates_train(softmax, digits, aggregator):
    if aggregator.privacy:
        pytest.importorskip("dp_accounting")
    clients = fw.partition(digits.train, fw.IID(), clients=20)
    algorithm = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.3), batch_size=20))
    run = fw.train(
        algorithm.with_aggregator(aggregator),
        clients,
        rounds=15,
        cohort=10,
        test=digits.test,
        engine=fw.Engine(lanes=1, devices=1, lowering="off"),
        progress=False,
    )
    assert run.test_accuracy is not None and run.test_accuracy > 0.75
    last = run.history[-1]
    assert last["signal_to_noise"] > 1
    assert last["bytes_up"] < 0.3 * last["bytes_down"]
