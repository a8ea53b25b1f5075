"""FedJAX 0.0.17: its own `federated_averaging` with its default backend.

On current JAX it needs `jax.tree_map` back. Its training batches fill the last one of a client with
more of its examples; here it gets `padded_batch`, which FedJAX recommends for fixed shapes, so that
it trains on the same batches as everyone. Tried: its pmap backend over two XLA host devices, which
fails on current JAX even with `device_put_replicated` and `device_put_sharded` put back, because
it takes a device's part of an array for a row of it.
"""

from _common import Task, arguments, report, since_start, timed  # isort: skip
import jax
import jax.numpy as jnp
import numpy as np

jax.tree_map = jax.tree.map

import fedjax  # noqa: E402
from _compiles import Compiles  # noqa: E402
from _jax import losses  # noqa: E402


class Ordered(fedjax.ClientDataset):
    """A client whose training batches are its examples in order, the last one masked."""

    def shuffle_repeat_batch(self, hparams=None, **kwargs):
        """Batches for `federated_averaging`."""
        return self.padded_batch(batch_size=hparams.batch_size)


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments()
    compiles = Compiles()
    task = Task(args.workload)
    x, y = np.array(task.x), np.array(task.y)

    def objective(params, batch, rng):
        mask = batch[fedjax.EXAMPLE_MASK_KEY].astype(jnp.float32)
        loss = losses(task.network, params, batch["x"], batch["y"])
        return jnp.sum(loss * mask) / jnp.sum(mask)

    algorithm = fedjax.algorithms.fed_avg.federated_averaging(
        jax.grad(objective),
        fedjax.optimizers.sgd(task.learning_rate),
        fedjax.optimizers.sgd(1.0),
        fedjax.ShuffleRepeatBatchHParams(batch_size=task.batch),
    )
    key = jax.random.PRNGKey(0)
    state = algorithm.init([jnp.asarray(w) for w in task.weights])
    counts = []

    def client(number: int):
        rows = task.rows(number)
        return Ordered({"x": x[rows], "y": y[rows]})

    ready = {} if task.large else {c: client(c) for c in range(task.clients)}

    def run(number: int) -> None:
        nonlocal state
        before = compiles.count
        cohort = [(c, ready.get(c) or client(c), key) for c in task.cohorts[number].tolist()]
        state, _ = algorithm.apply(state, cohort)
        jax.block_until_ready(state.params)
        counts.append(compiles.count - before)

    setup = since_start()
    seconds = timed(args.rounds, run)
    final = [np.asarray(w) for w in state.params]
    more = {"compiles": counts, "compile_seconds": compiles.seconds}
    report(args, seconds, setup, final, ["fedjax", "jax", "jaxlib"], **more)


if __name__ == "__main__":
    main()
