"""TensorFlow Federated 0.87: `build_weighted_fed_avg` on a Keras model, its C++ executors.

Client datasets are made once. The loop implementation and the executor's settings are TFF's own
defaults; others have not been tried.
TFF leaves executor processes behind, which are ended by their ids.
"""

from _common import Task, arguments, report, since_start, timed  # isort: skip
import contextlib
import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff
from _keras import build


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments()
    task = Task(args.workload)
    x, y = np.array(task.x), np.array(task.y)

    def client(number: int) -> tf.data.Dataset:
        rows = task.rows(number)
        return tf.data.Dataset.from_tensor_slices((x[rows], y[rows])).batch(task.batch)

    def model():
        return tff.learning.models.from_keras_model(
            build(tf.keras, task.network),
            loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            input_spec=client(0).element_spec,
        )

    process = tff.learning.algorithms.build_weighted_fed_avg(
        model,
        client_optimizer_fn=tff.learning.optimizers.build_sgdm(task.learning_rate),
        server_optimizer_fn=tff.learning.optimizers.build_sgdm(1.0),
        client_weighting=tff.learning.ClientWeighting.NUM_EXAMPLES,
    )
    first = tff.learning.models.ModelWeights(task.weights, [])
    state = process.set_model_weights(process.initialize(), first)
    ready = {c: client(c) for c in sorted(set(task.cohorts[: args.rounds].flat))}

    def run(number: int) -> None:
        nonlocal state
        state = process.next(state, [ready[c] for c in task.cohorts[number].tolist()]).state

    setup = since_start()
    seconds = timed(args.rounds, run)
    final = [np.asarray(w) for w in process.get_model_weights(state).trainable]
    report(args, seconds, setup, final, ["tensorflow_federated", "tensorflow-cpu"])
    end_children()


def end_children() -> None:
    """Ends the processes that this one started."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ProcessLookupError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                os.kill(int(entry.parent.name), signal.SIGKILL)


if __name__ == "__main__":
    main()
