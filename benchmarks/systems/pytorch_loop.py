"""A tight FedAvg loop in PyTorch, as somebody who knows PyTorch would write it by hand.

Images and convolutions are in channels_last memory, all parameters move in one foreach call,
`autograd.grad` spares clearing gradients, batches are views. 1 and 2 threads are both measured, and
on a GPU steps as CUDA graphs too. `torch.compile` has not been tried.
"""

from _common import Task, arguments, report, since_start, timed  # isort: skip
import numpy as np
import torch
from _torch import build, get_weights, graphed, local_step, set_up, set_weights, tensors, trained


def main() -> None:
    """Times the rounds of one workload."""
    args = arguments(threads=1, device="cpu", graph=0)
    set_up(args.threads, args.device)
    task = Task(args.workload)
    net = build(task.network).to(args.device)
    set_weights(net, task.weights)
    parameters = trained(net)
    x, y = (t.to(args.device) for t in tensors(task))
    step = local_step(net, parameters, task.learning_rate)
    if args.graph:
        step = graphed(step, parameters, x[: task.batch], y[: task.batch])
    server = [p.detach().clone() for p in parameters]
    sizes = np.diff(task.offsets)
    total = [torch.empty_like(p) for p in server]

    def run(number: int) -> None:
        cohort = task.cohorts[number].tolist()
        examples = int(sizes[cohort].sum())
        torch._foreach_zero_(total)
        for client in cohort:
            with torch.no_grad():
                torch._foreach_copy_(parameters, server)
            for rows in task.batches(client):
                step(x[rows], y[rows])
            with torch.no_grad():
                torch._foreach_add_(total, parameters, alpha=sizes[client] / examples)
        torch._foreach_copy_(server, total)
        if args.device == "cuda":
            torch.cuda.synchronize()

    setup = since_start()
    seconds = timed(args.rounds, run)
    with torch.no_grad():
        torch._foreach_copy_(parameters, server)
    report(args, seconds, setup, get_weights(net), ["torch"], threads=args.threads)


if __name__ == "__main__":
    main()
