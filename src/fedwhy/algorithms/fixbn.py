"""FixBN: FedAvg that after some rounds no longer normalises by the batch.

Zhong, Chen and Chao, "Making Batch Normalization Great in Federated Deep Learning", 2023, where the
first `after` rounds are called exploration, and the others calibration.

    for each round r:
        server sends w, and whether r > after
        for each client i of the cohort, in parallel:
            w_i = LocalSGD(w), which normalises by the batch             (r <= after)
                = LocalSGD(w), which normalises by the statistics of w   (r > after)
        w = w + mean(w_i - w)
"""

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Batch,
    Broadcast,
    ClientWork,
    Round,
    ServerState,
    Update,
)
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.training import Local
from fedwhy.errors import ModelError, ParameterError
from fedwhy.models import Model, Weights
from fedwhy.parameters import CountOrZero, checked


@recorded
@checked
def fixbn(
    model: Model,
    client: LocalSGD,
    *,
    after: CountOrZero = 50,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Batch normalisation whose averaged moving statistics are fixed `after` so many rounds.

    From then on clients train the model as it is evaluated, so that their different batches no
    longer normalise differently; dropout ends with the exploration, too. Fixed statistics do not
    hold back large steps as those of a batch do: take few local steps and a moderate rate, and
    momentum at the server rather than at the client.

    Raises `ParameterError` where `client` does not average the statistics; a run raises
    `ModelError` where the model has none.
    """
    if client.state != "average":
        raise ParameterError(
            "state", f'fixbn averages the moving statistics, given "{client.state}"; leave it out'
        )
    base = fedavg(model, client, server=server, weighting=weighting)

    def init(weights: Weights, population: int) -> ServerState:
        if not jax.tree.leaves(weights.state):
            raise ModelError(
                "fixbn fixes moving statistics, and the model has none; take fedavg, or a model "
                "with batch normalisation"
            )
        return base.init(weights, population)

    def work(model: Model) -> ClientWork:
        exploring, calibrating = client.work(model), client.work(model.as_evaluated())

        def local_step(local: Local, batch: Batch, broadcast: Broadcast, key: jax.Array) -> Local:
            return jax.lax.cond(
                broadcast.extra, calibrating.step, exploring.step, local, batch, broadcast, key
            )

        return exploring._replace(step=local_step)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        return base.server(server, update, round)._replace(memory=round.number >= after)

    algorithm = base._replace(name="fixbn", init=init, client=work, server=step)
    return algorithm.with_memory(lambda params: jnp.asarray(after == 0))
