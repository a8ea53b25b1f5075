"""`diagnose`: the diagnosis as users call it from Python."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optax

from fedwhy.algorithms import Algorithm, LocalSGD, fedavg
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.diagnosis.brought import (
    classes_by,
    clients_of,
    history_of,
    model_of,
    test_of,
    updates_of,
)
from fedwhy.diagnosis.diagnose import Diagnosis, diagnose_setup, looked_at
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.setup import Setup
from fedwhy.engine import Engine
from fedwhy.errors import ParameterError
from fedwhy.models import Model
from fedwhy.simulation import Clock
from fedwhy.simulation.samplers import Asynchronous, Sampler


def diagnose(
    algorithm: Algorithm | None = None,
    clients: FederatedDataset | Mapping[str, Any] | Sequence[Any] = (),
    *,
    rounds: int = 30,
    cohort: int | float = 1.0,
    seed: int = 0,
    sampler: Sampler | Asynchronous | None = None,
    clock: Clock | None = None,
    test: Dataset | tuple[Any, Any] | None = None,
    test_clients: FederatedDataset | None = None,
    engine: Engine | None = None,
    probes: bool = True,
    budget: float = 120.0,
    model: Model | Any = None,
    client: LocalSGD | None = None,
    history: Iterable[Mapping[str, Any]] | None = None,
    updates: Sequence[Any] | None = None,
) -> Diagnosis:
    """Says why a federated model does not learn, and proves it.

    Takes what `train` takes, up to `engine`, and runs that for at most `rounds` rounds, then again
    with one thing changed, and again, within `budget` seconds. With `probes=False` nothing is
    trained.

    For other frameworks it takes, in place of `algorithm`, a `model` (a compiled Keras model, or a
    `Model`), `clients` as pairs `(x, y)` in a list or by name, and what else there is: `history`,
    the metrics of each round as dicts (`loss`, `accuracy`, `val_accuracy` and the like), and
    `updates`, what each client of one round sent, as lists of arrays. With `client`, local training
    such as `LocalSGD(optax.sgd(0.1), epochs=5)`, causes are also proved by runs of FedAvg with it.

    Raises:
        ParameterError: neither an algorithm nor a model is given, or both; metrics or updates
            cannot be read; a budget that is not positive.
        DataError: clients that are no pairs of arrays.
        ModelError: a model that is none, or a Keras model without a loss.
    """
    started = time.monotonic()
    if (algorithm is None) == (model is None):
        raise ParameterError("algorithm", "give either an algorithm or a model")
    dealt = clients_of(clients)
    known = algorithm
    if known is None:
        known = fedavg(model_of(model), client or LocalSGD(optax.sgd(0.1)))
        known = known if client else known._replace(recipe=None)
    if not isinstance(clients, FederatedDataset):
        dealt = classes_by(known.model, dealt)
    setup = Setup(
        known,
        dealt,
        rounds=rounds,
        cohort=cohort,
        seed=seed,
        sampler=sampler,
        clock=clock,
        test=test_of(test, dealt.classes),
        test_clients=test_clients,
        engine=engine,
    )
    seen = algorithm is None and (client is None or not probes)
    for name, given in (("history", history), ("updates", updates)):
        if given is not None and not seen:
            raise ParameterError(
                name,
                "leave it out: with an algorithm, or with client and probes, the run is made anew, "
                "and its own are taken",
            )
    if seen:
        evidence = Evidence(setup)
        evidence.history = None if history is None else history_of(history)
        if updates is not None:
            sent = updates_of(updates, [str(name) for name in dealt.ids])
            evidence.updates = (sent, sent)
        return looked_at(evidence, started)
    return diagnose_setup(setup, probes=probes, budget=budget)
