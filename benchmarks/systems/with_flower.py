"""Flower: its Ray simulation, PyTorch clients with one core each, its own FedAvg strategy.

There are as many virtual nodes as clients in a cohort, and each message names the client whose
data the node takes in this round: far cheaper for Flower than a node for each of 2,000 clients, of
which all but 100 would idle. Evaluation is off. Clients keep the model between messages and train
with the same tight loop as `pytorch_loop.py`. Other divisions of the cores have not
been tried.
"""

from _common import Task, arguments, report, since_start  # isort: skip
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

os.environ |= {"RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0", "FLWR_TELEMETRY_ENABLED": "0"}
os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # for Ray's workers

import _flower_client
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation


class Cohorts(FedAvg):
    """FedAvg that tells each node which client it is, and notes when a round begins."""

    def __init__(self, task: Task, folder: Path):
        super().__init__(fraction_evaluate=0.0, min_available_nodes=task.cohort)
        self.task, self.folder = task, str(folder)
        self.times: list[float] = []

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """One message for each client of the round's cohort."""
        nodes = sorted(grid.get_node_ids())
        while len(nodes) < self.task.cohort:
            time.sleep(0.1)
            nodes = sorted(grid.get_node_ids())
        self.times.append(time.perf_counter())
        cohort = self.task.cohorts[server_round - 1].tolist()
        for node, client in zip(nodes, cohort, strict=True):
            config = ConfigRecord({"client": client, "workload": self.folder})
            content = RecordDict({"arrays": arrays, "config": config})
            yield Message(content=content, message_type=MessageType.TRAIN, dst_node_id=node)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]):
        """The mean; a failed client would silently make the round easier, so none may fail."""
        replies = list(replies)
        failed = [reply.error.reason for reply in replies if reply.has_error()]
        if failed:
            raise RuntimeError(f"{len(failed)} clients failed: {failed[0]}")
        return super().aggregate_train(server_round, replies)


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments()
    logging.getLogger("flwr").setLevel(logging.WARNING)
    folder = args.workload.resolve()
    task = Task(folder)
    strategy = Cohorts(task, folder)
    final: list[np.ndarray] = []
    app = ServerApp()

    @app.main()
    def serve(grid: Grid, context) -> None:
        arrays = ArrayRecord(
            {f"{i:03d}": Array(w) for i, w in enumerate(_flower_client.first(task))}
        )
        result = strategy.start(grid, arrays, num_rounds=args.rounds)
        strategy.times.append(time.perf_counter())
        final[:] = _flower_client.stored(task, result.arrays.to_numpy_ndarrays())

    setup = since_start()
    resources = {"num_cpus": 1, "num_gpus": 0.0}
    run_simulation(
        server_app=app,
        client_app=_flower_client.app,
        num_supernodes=task.cohort,
        backend_config={"client_resources": resources, "init_args": {"logging_level": "error"}},
    )
    setup = max(setup, strategy.times[0] - (time.perf_counter() - since_start()))
    seconds = np.diff(strategy.times).tolist()
    report(args, seconds, setup, final, ["flwr", "ray", "torch"])


if __name__ == "__main__":
    main()
