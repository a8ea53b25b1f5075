"""Noise as a link, local and central: its scale, and the bound that it rests on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedwhy.aggregators import Message, local_noise, noise

KEY = jax.random.key(0)
ZEROS = {"a": jnp.zeros((40, 50)), "b": jnp.zeros(2000)}


def sent(link, update):
    """What a client sends of its update."""
    return link.encode(Message(update, jnp.float32(5)), (), (), KEY).message.update


NOISE = {  # Of a standard deviation of 0.75.
    "local_noise": lambda: sent(local_noise(clip=0.5, noise_multiplier=1.5), ZEROS),
    "noise": lambda: noise(0.75).decode(ZEROS, (), (), KEY).aggregate,
}


@pytest.mark.parametrize("scale", [1.0, 2 / 3, 3 / 2])
@pytest.mark.parametrize("link", NOISE)
def test_noise_has_the_stated_scale_and_no_other(link, scale):
    drawn = np.concatenate([np.ravel(leaf) for leaf in NOISE[link]().values()])
    p = stats.kstest(drawn, "norm", (0, scale * 0.75)).pvalue
    assert p > 0.01 if scale == 1.0 else p < 1e-6


numbers = st.floats(width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 3e38, 1e-45, 65504.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=4, max_size=4), st.floats(1e-3, 1e3), st.booleans())
def test_no_update_is_longer_than_the_clipping_norm_before_local_noise(values, norm, half):
    with np.errstate(over="ignore"):
        a = np.array(values[:2], np.float16 if half else np.float32)
    update = {"params": jnp.asarray(a), "state": None, "extra": jnp.asarray(values[2:])}
    quiet = sent(local_noise(clip=norm, noise_multiplier=1e-9), update)
    length = np.linalg.norm(np.concatenate([quiet["params"], quiet["extra"]]).astype(float))
    assert length <= norm * (1 + 1e-6)
