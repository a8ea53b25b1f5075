"""q-FFL: clients with a high loss count more, so that accuracy is spread more evenly.

Li, Sanjabi, Beirami and Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020,
Algorithm 2 (q-FedAvg): it minimises `sum_k p_k F_k^(q + 1) / (q + 1)`.

    for each client k of the cohort, in parallel:
        F_k = loss of all its examples at w
        w_k = LocalSGD(w)
        dw_k = L (w - w_k)
        D_k = F_k^q dw_k
        h_k = q F_k^(q - 1) |dw_k|^2 + L F_k^q
    w = w - sum(D_k) / sum(h_k)
"""

import jax.numpy as jnp
import optax

from fedwhy.aggregators import Message, Weighting, changed
from fedwhy.algorithms.algorithm import Algorithm, Round, ServerState, Update
from fedwhy.algorithms.exchange import first_loss
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import NotNegative, Positive, checked

# Keeps F^(q - 1) finite where a client has no loss left.
LEAST = 1e-10


@recorded
@checked
def qffl(
    model: Model,
    client: LocalSGD,
    *,
    q: NotNegative = 1.0,
    smoothness: Positive = 10.0,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """q-fair federated learning, by q-FedAvg; the larger `q`, the more even, and 0 is FedAvg.

    `smoothness` is the paper's L, 1 over the learning rate of the clients' SGD. `weighting` is its
    p_k. Losses must not be negative.
    """
    remedy = Remedy(
        "qffl",
        enrol=lambda params: jnp.zeros(()),
        finish=lambda update, local, broadcast: (local.memory, local.memory),
    )
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting=weighting)

    def fair(message: Message) -> Message:
        update, loss = message.update, message.update.extra + LEAST
        step = trees.scale(update.weights.params, smoothness)
        bend = q * loss ** (q - 1) * trees.squared_norm(step) + smoothness * loss**q
        weights = Weights(trees.scale(step, loss**q), update.weights.state)
        return message._replace(update=Update(weights, bend))

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        params, state = update.weights
        # Both are means over the same weights, so that their quotient is that of the sums.
        moved = trees.scale(params, 1 / jnp.where(update.extra > 0, update.extra, 1))
        return base.server(server, Update(Weights(moved, state)), round)

    algorithm = base._replace(
        name="qffl", aggregator=changed("qffl", base.aggregator, fair), server=step
    )
    return first_loss(algorithm, remember=lambda kept, loss: loss)
