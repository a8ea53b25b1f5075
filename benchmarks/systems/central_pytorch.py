"""The limit in PyTorch: the same batches one after another by SGD, with no clients at all."""

from _common import Task, arguments, report, since_start, timed  # isort: skip
import torch
from _torch import build, get_weights, local_step, set_up, set_weights, tensors, trained


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments(threads=1, device="cpu")
    set_up(args.threads, args.device)
    task = Task(args.workload)
    net = build(task.network).to(args.device)
    set_weights(net, task.weights)
    parameters = trained(net)
    step = local_step(net, parameters, task.learning_rate)
    x, y = (t.to(args.device) for t in tensors(task))

    def run(number: int) -> None:
        for client in task.cohorts[number].tolist():
            for rows in task.batches(client):
                step(x[rows], y[rows])
        if args.device == "cuda":
            torch.cuda.synchronize()

    setup = since_start()
    seconds = timed(args.rounds, run)
    report(args, seconds, setup, get_weights(net), ["torch"], threads=args.threads)


if __name__ == "__main__":
    main()
