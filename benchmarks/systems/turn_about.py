"""Runs rounds of one workload, one for each line on standard input; prints the seconds of each.

`python turn_about.py WORKLOAD SOURCE [local options]` imports fedwhy from the folder SOURCE. The
seconds are those that all cores have worked, so that other work on the machine changes little.
"""

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])

from _common import Task  # isort: skip
import time

from with_fedwhy import dataset, fw, model_with  # before keras, so that Keras runs on JAX

import optax  # isort: skip


class TurnAbout(fw.Callback):
    """Waits after every round until it is asked for the next."""

    def on_start(self, training) -> None:
        """Before the first round."""
        self.began = time.process_time()

    def on_round(self, training) -> str | None:
        """Prints what the round took."""
        print(time.process_time() - self.began, flush=True)
        asked = sys.stdin.readline()
        self.began = time.process_time()
        return None if asked else "enough"


def main() -> None:
    """Runs rounds for as long as they are asked for."""
    task = Task(Path(sys.argv[1]))
    options = {"clip_norm": float(sys.argv[3])} if len(sys.argv) > 3 else {}
    client = fw.LocalSGD(
        optax.sgd(task.learning_rate), epochs=1, batch_size=task.batch, shuffle=False, **options
    )
    fw.train(
        fw.fedavg(model_with(task, []), client),
        dataset(task, 0),
        rounds=100_000,
        cohort=task.cohort,
        engine=fw.Engine(1, 2, "on"),
        callbacks=[TurnAbout()],
        progress=False,
    )


if __name__ == "__main__":
    main()
