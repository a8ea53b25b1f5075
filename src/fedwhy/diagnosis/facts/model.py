"""`ModelFacts`: what the untrained model does with a few batches of the clients' examples."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.diagnosis.edits.initial_weights import drawn_anew
from fedwhy.diagnosis.facts.model_outputs import Outputs, Taken, outputs, taken
from fedwhy.diagnosis.facts.model_passes import Pass, passes
from fedwhy.diagnosis.facts.model_statistics import Statistics, statistics, vector
from fedwhy.diagnosis.facts.model_tensors import Tensor, tensors
from fedwhy.diagnosis.facts.model_windows import Window, poolings, windows
from fedwhy.diagnosis.setup import Setup
from fedwhy.federated import paths, trees
from fedwhy.models import Description, Model, Weights
from fedwhy.simulation.checks import example, message

BATCH = 32
CLIENTS = 6


class ModelFacts(NamedTuple):
    """What the model that a run begins with does with a batch of examples of all clients.

    - `error`: what the model or its loss raised; all else is then unknown
    - `description`: what the front end tells; `outputs` and `taken`, what they show themselves
    - `labels`: the targets of the batch, as the loss sees them; `inputs`: the root mean square of
      the inputs, as the model sees them
    - `loss`: mean loss of the batch; `redrawn_loss`: with weights drawn anew, see `drawn_anew`
    - `gradient`: norm of the loss's gradient; `penalty`, `penalty_gradient`: of weight penalties
    - `tensors`: the parameters one by one; `parameters`, how many numbers they are
    - `untrained`: how many numbers are like weights, but neither trained nor moving statistics
    - `noise`: how far outputs of two training passes differ by the random key alone, as a
      variance relative to the mean square of the outputs in evaluation
    - `statistics`: of models that normalise by the batch; None for others
    - `windows`: the convolutions in order, and `poolings`
    """

    error: str | None = None
    description: Description | None = None
    outputs: Outputs | None = None
    taken: Taken | None = None
    labels: np.ndarray | None = None
    inputs: float = float("nan")
    loss: float = float("nan")
    redrawn_loss: float = float("nan")
    gradient: float = float("nan")
    penalty: float = 0.0
    penalty_gradient: float = 0.0
    tensors: tuple[Tensor, ...] = ()
    parameters: int = 0
    untrained: int = 0
    noise: float = 0.0
    statistics: Statistics | None = None
    windows: tuple[Window, ...] = ()
    poolings: tuple[Window, ...] = ()

    @property
    def kernels(self) -> tuple[Tensor, ...]:
        """The tensors of two axes or more."""
        return tuple(tensor for tensor in self.tensors if tensor.kernel)


def model_facts(setup: Setup) -> ModelFacts:
    """Looks at the model that a run of `setup` begins with; it never raises."""
    try:
        return looked_at(setup)
    except Exception as error:  # Whatever the user's own layers and losses raise.
        return ModelFacts(error=message(error))


def looked_at(setup: Setup) -> ModelFacts:
    """The facts of a model that can be built; raises what the model raises."""
    model, clients = setup.model, setup.clients
    key = jax.random.fold_in(jax.random.key(setup.seed), 0)  # As `train` draws initial weights.
    weights = model.init(key, example(clients)[0])
    x, y = batch = spread_rows(clients)
    run = passes(model, weights, x, y, key)

    def train(weights: Weights, x: Any, y: Any) -> Pass:
        return run.train(weights, x, y, key)

    first = train(weights, x, y)
    anew = train(weights._replace(params=drawn_anew(weights.params, setup.seed)), x, y)
    other = run.train(weights, x, y, jax.random.fold_in(key, 1))
    evaluated, losses = run.evaluate(weights, x, y)
    saturated, _ = run.evaluate(enlarged(model, weights), x, y)
    drawn = vector(first.output) - vector(other.output)
    both = vector(first.output) + vector(other.output)
    # Statistics that have not moved yet can make evaluated outputs vanish.
    said = max(np.sum(vector(evaluated) ** 2), (np.sum(both**2) - np.sum(drawn**2)) / 4, 1e-30)
    described = model.describe(example(clients)[0])
    labels, tried = seen_labels(model, y, evaluated)

    def forward(weights: Weights, x: Any) -> Any:
        return model.apply(*weights, x, None, False)[0]

    return ModelFacts(
        description=described,
        outputs=outputs(evaluated, saturated, described),
        taken=taken(model, evaluated, tried, labels, described.from_logits),
        labels=labels,
        inputs=root_mean_square(model.preparation.inputs(x) if model.preparation else x),
        loss=float(np.mean(losses)),
        redrawn_loss=float(anew.loss),
        gradient=float(np.linalg.norm(vector(first.gradient))),
        penalty=float(first.penalty),
        penalty_gradient=float(first.penalty_gradient),
        tensors=tensors(weights.params, first.gradient, anew.gradient),
        parameters=trees.size(weights.params),
        untrained=untrained(weights.state, first.state),
        noise=float(np.sum(drawn**2) / 2 / said),
        statistics=statistics(
            train,
            weights,
            batch,
            evaluated,
            [rows_of(clients, client) for client in some_clients(clients)],
            [spread_rows(clients, start) for start in range(1, CLIENTS + 1)],
        ),
        windows=windows(forward, weights, example(clients)[0]),
        poolings=poolings(forward, weights, example(clients)[0]),
    )


def spread_rows(clients: FederatedDataset, start: int = 0) -> tuple[Any, np.ndarray]:
    """A batch of examples from all over the clients; others for another `start`."""
    rows = np.linspace(0, len(clients.y), BATCH, endpoint=False).astype(np.int64)
    return taken_rows(clients, (rows + start * 997) % len(clients.y))


def rows_of(clients: FederatedDataset, client: int) -> tuple[Any, np.ndarray]:
    """A batch of one client's examples, some of them several times if it has few."""
    first, end = clients.offsets[client : client + 2]
    return taken_rows(clients, np.resize(np.arange(first, end), BATCH))


def taken_rows(clients: FederatedDataset, rows: np.ndarray) -> tuple[Any, np.ndarray]:
    """Examples by their rows, in the dtypes that JAX gives them."""
    return jax.tree.map(
        lambda a: np.asarray(a[rows], jax.dtypes.canonicalize_dtype(a.dtype)),
        (clients.x, clients.y),
    )


def some_clients(clients: FederatedDataset) -> np.ndarray:
    """Positions of a few clients who have examples, spread over all of them."""
    holding = np.flatnonzero(np.diff(clients.offsets))
    return holding[np.linspace(0, len(holding) - 1, min(CLIENTS, len(holding))).astype(int)]


def enlarged(model: Model, weights: Weights) -> Weights:
    """Weights at which outputs that have bounds come near to them."""
    layers = model.layers()
    last = layers[-1].paths if layers else ()
    part, rest = paths.split(weights.params, (lambda path: path in last) if last else paths.ALL)
    larger = jax.tree.map(lambda a: np.asarray(a) * (1000 if last else 10), part)
    return weights._replace(params=paths.join(larger, rest))


def seen_labels(model: Model, y: np.ndarray, output: Any) -> tuple[np.ndarray, np.ndarray]:
    """Targets as the loss sees them, and the raw ones; numbers of classes within the outputs."""
    if model.preparation is not None:
        return np.asarray(model.preparation.labels(y)), y
    leaf = jax.tree.leaves(output)[0]
    shape = leaf.shape
    if y.dtype.kind in "iu" and shape[-1:] > (1,) and y.size == np.prod(shape[:-1]):
        y = y % shape[-1]
    return y, y


def untrained(before: Any, after: Any) -> int:
    """How many numbers of the state have two axes or more, and are left as they were."""
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return sum(a.size for a, b in pairs if a.ndim >= 2 and np.array_equal(a, b))


def root_mean_square(x: Any) -> float:
    """Of all numbers in the inputs."""
    numbers = np.concatenate([np.asarray(a, np.float64).ravel() for a in jax.tree.leaves(x)])
    return float(np.sqrt(np.mean(numbers**2)))
