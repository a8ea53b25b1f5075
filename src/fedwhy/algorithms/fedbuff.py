"""FedBuff: the server steps whenever a few clients have reported, and waits for nobody else.

Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek and Huba, "Federated Learning with Buffered
Asynchronous Aggregation", AISTATS 2022, Algorithm 1, with the paper's scaling by staleness.

    whenever a client i reports, who began with w of tau steps ago:
        buffer += (w_i - w) / sqrt(1 + tau)
        if there are K in the buffer:
            w = w + eta_g buffer / K
            buffer = 0
"""

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Client, LocalTraining
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.staleness import polynomial, with_stale_clients
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Count, checked

DISCOUNT = polynomial(0.5)


@recorded
@checked
def fedbuff(
    model: Model,
    client: LocalTraining,
    *,
    max_staleness: Count = 10,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Buffered asynchronous aggregation; a cohort is a buffer of K reports.

    Train it with `sampler=fw.samplers.Asynchronous(...)` and a clock; with any other sampler all
    clients begin with the current model, and it is FedAvg. Reports from models more than
    `max_staleness` steps old are dropped; the server keeps so many models and one more. `server` is
    the server optimizer, which has the paper's `eta_g`.
    """

    def sent(learnt: Weights, behind: Weights, client: Client) -> Weights:
        return trees.scale(learnt, DISCOUNT(client.staleness))

    base = fedavg(model, client, server=server, weighting=weighting)
    return with_stale_clients(base, max_staleness, sent)._replace(name="fedbuff")
