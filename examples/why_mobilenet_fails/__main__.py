"""Why does MobileNet fail on MNIST in TensorFlow Federated? Run with `python -m`, this answers."""

from examples import study
from examples.why_mobilenet_fails import page
from examples.why_mobilenet_fails.cases import CASES, FOLDER, QUICK
from examples.why_mobilenet_fails.running import DIAGNOSIS, all_of, work

# What is finished, should the whole of it be interrupted.
UNFINISHED = FOLDER / "unfinished.json"


def main() -> None:
    """Runs every case, those first that the answer rests on, and fills the page."""
    options = study.options("Why MobileNet fails on MNIST in TensorFlow Federated.")
    if options.quick:
        for seed in options.seeds:
            print(page.stuck_and_repaired(work(("repaired", seed), QUICK)))
        return
    first, *others = options.seeds
    tasks = [
        *((name, first) for name in CASES if name == "one place"),
        (DIAGNOSIS, first),
        *((name, first) for name in CASES if name != "one place"),
        *((name, seed) for name, case in CASES.items() if case.every_seed for seed in others),
    ]
    results = all_of(tasks, (), UNFINISHED)
    study.keep(FOLDER, results)
    page.write(results)
    UNFINISHED.unlink()


if __name__ == "__main__":
    main()
