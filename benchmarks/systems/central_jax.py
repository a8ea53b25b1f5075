"""The limit in JAX: the same batches one after another by SGD, with no clients at all.

Dense networks and the LSTM walk a round's batches in one compiled loop. On CPU, XLA is slow with
convolutions inside a loop, so there convolutional networks are dispatched step by step. The weights
are donated, and a loop of dynamic length spares compiling anew for each round's number of batches.
Other forms have not been tried.
"""

from _common import Task, arguments, report, since_start, timed  # isort: skip
import jax
import jax.numpy as jnp
import numpy as np
from _compiles import Compiles
from _jax import losses


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments()
    compiles = Compiles()
    task = Task(args.workload)
    x, y = jax.device_put((np.asarray(task.x), np.asarray(task.y)))
    weights = jax.device_put(task.weights)

    def objective(weights, x, y, mask):
        return jnp.sum(losses(task.network, weights, x, y) * mask) / jnp.sum(mask)

    def step(weights, x, y, rows, mask):
        gradient = jax.grad(objective)(weights, x[rows], y[rows], mask)
        return [w - task.learning_rate * g for w, g in zip(weights, gradient, strict=True)]

    def walk(weights, x, y, rows, masks, length):
        body = lambda t, w: step(w, x, y, rows[t], masks[t])  # noqa: E731
        return jax.lax.fori_loop(0, length, body, weights)

    step_alone = jax.jit(step, donate_argnums=0)
    walk_all = jax.jit(walk, donate_argnums=0)
    convolves = task.network in ("cnn", "mobilenet")
    one_by_one = convolves and jax.default_backend() == "cpu"
    counts = []

    def run(number: int) -> None:
        nonlocal weights
        before = compiles.count
        batches = [b for c in task.cohorts[number].tolist() for b in task.batches(c)]
        rows, masks = plan(batches, task.batch)
        if one_by_one:
            for t in range(len(batches)):
                weights = step_alone(weights, x, y, rows[t], masks[t])
        else:
            weights = walk_all(weights, x, y, rows, masks, len(batches))
        jax.block_until_ready(weights)
        counts.append(compiles.count - before)

    setup = since_start()
    seconds = timed(args.rounds, run)
    final = [np.asarray(w) for w in weights]
    more = {"compiles": counts, "compile_seconds": compiles.seconds}
    report(args, seconds, setup, final, ["jax", "jaxlib"], **more)


def plan(batches: list[slice], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows int32 and mask float32 `[steps, size]`; steps are rounded up to a power of two."""
    steps = 1 << (len(batches) - 1).bit_length()
    rows, masks = np.zeros((steps, size), np.int32), np.zeros((steps, size), np.float32)
    for t, batch in enumerate(batches):
        length = batch.stop - batch.start
        rows[t, :length] = np.arange(batch.start, batch.stop)
        masks[t, :length] = 1
    return rows, masks


if __name__ == "__main__":
    main()
