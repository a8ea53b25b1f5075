"""Clients whose message cannot be taken: the round is as if they had not taken part."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from problem import clients, local_sgd, model

import fedwhy as fw
from fedwhy.aggregators import stacked
from fedwhy.engine.plan import Cohort

BROKEN = 1
ONE = fw.Engine(lanes=1, devices=1, lowering="off")
FOUR = fw.Engine(lanes=2, devices=2, lowering="off")


@dataclass(frozen=True)
class Three:
    """Three clients a round, one of them the broken one, unless it is left out."""

    with_broken: bool
    waits: bool = False

    def draw(self, population, size, seed, round):
        others = [0, 2, 3][: round % 3 + 1]
        return Cohort.of(np.sort([BROKEN, *others] if self.with_broken else others))


def broken_rate(client):
    return jnp.where(client.position == BROKEN, jnp.nan, 1.0)


local = local_sgd(optax.sgd(0.02), rate=broken_rate)
sent_mean = stacked(
    "sent_mean",
    lambda stack: jax.tree.map(lambda rows: rows.sum(0) / stack.sent.sum(), stack.encoded),
)
ALGORITHMS = {
    "summed": lambda: fw.fedavgm(model, local),
    "stacked": lambda: fw.fedavg(model, local).with_aggregator(sent_mean),
    "with states": lambda: fw.scaffold(model, local),
    "two exchanges": lambda: fw.qffl(model, local),
}


def train(algorithm, *, broken=True, engine=ONE, **options):
    options = {"rounds": 8, "cohort": 4, "progress": False, **options}
    return fw.train(algorithm, clients, sampler=Three(broken), engine=engine, **options)


@pytest.mark.parametrize(
    ("name", "engine"),
    [("summed", ONE), ("stacked", FOUR), ("with states", FOUR), ("two exchanges", ONE)],
)
def test_rounds_with_a_broken_client_equal_those_without_it(name, engine):
    algorithm = ALGORITHMS[name]()
    run, without = train(algorithm, engine=engine), train(algorithm, broken=False, engine=engine)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        (run.server, run.states),
        (without.server, without.states),
    )
    for record in run.history[1:]:
        assert record["refused"] == 1 and not record["void"]
        ((client, reason),) = record["refused_clients"].items()
        assert client == str(clients.ids[BROKEN])
        assert "not finite" in reason and reason.endswith("params/w)")
        assert record["train_loss"] == pytest.approx(
            without.history[record["round"]]["train_loss"], rel=1e-5
        )


def test_resumed_run_with_a_broken_client_ends_as_it_would_have(tmp_path):
    algorithm = ALGORITHMS["with states"]()
    whole = train(algorithm)
    train(algorithm, rounds=2, callbacks=[fw.RunFolder(tmp_path / "run")])
    resumed = train(algorithm, resume=tmp_path / "run")
    jax.tree.map(
        np.testing.assert_array_equal,
        (resumed.server, resumed.states),
        (whole.server, whole.states),
    )
    names = [record.get("refused_clients") for record in whole.history]
    assert [record.get("refused_clients") for record in resumed.history] == names
