"""Whether a diagnosis names the clients that attack: one run and one diagnosis for each attack.

    python benchmarks/attackers.py

writes `ATTACKERS.md`. Of 20 clients of digits four, or one, attack FedAvg of a softmax regression,
with the mean as its aggregator; the diagnosis is not told who, or that anybody does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import optax

import fedwhy as fw
from fedwhy.aggregators import attacked, attacks, mean
from fedwhy.aggregators.attacks import Alone, Omniscient

HERE = Path(__file__).parent
HOSTILE = {"four attackers": (2, 5, 11, 17), "one attacker": (5,)}
CLIENTS, ROUNDS, BUDGET = 20, 20, 120.0
PARTITIONS = {"IID": fw.IID(), "Dirichlet(0.3)": fw.Dirichlet(alpha=0.3)}
# A function of the attackers' positions poisons what they train on.
ATTACKS: dict[str, Alone | Omniscient | Callable[..., fw.shifts.LabelFlip | fw.shifts.Backdoor]] = {
    "sign_flip(5.0)": attacks.sign_flip(5.0),
    "sign_flip()": attacks.sign_flip(),
    "scale(10.0)": attacks.scale(10.0),
    "gaussian(1.0)": attacks.gaussian(1.0),
    "gaussian(0.01)": attacks.gaussian(0.01),
    "model_replacement(cohort=20)": attacks.model_replacement(cohort=CLIENTS),
    "free_rider()": attacks.free_rider(),
    "delta_weights()": attacks.delta_weights(),
    "alie(2.0)": attacks.alie(2.0),
    "alie()": attacks.alie(),
    "inner_product_manipulation(10.0)": attacks.inner_product_manipulation(10.0),
    "inner_product_manipulation(0.1)": attacks.inner_product_manipulation(0.1),
    "mimic()": attacks.mimic(),
    "min_max()": attacks.min_max(),
    "min_sum()": attacks.min_sum(),
    "shifts.LabelFlip(...)": fw.shifts.LabelFlip,
    "shifts.Backdoor(...)": fw.shifts.Backdoor,
}


def row(partition: str, attack: str | None, attackers: tuple[int, ...]) -> list[str]:
    """What comes of the run, whom the diagnosis names, and what comes of its repair."""
    digits = fw.load("digits")
    clients = fw.partition(digits.train, PARTITIONS[partition], clients=CLIENTS, seed=0)
    local = fw.LocalSGD(optax.sgd(0.5), epochs=1, batch_size=20)
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax", classes=10), local)
    how = None if attack is None else ATTACKS[attack]
    if isinstance(how, Alone | Omniscient):
        algorithm = algorithm.with_aggregator(attacked(mean(), how, clients=attackers))
    elif how is not None:
        clients = fw.shift(clients, how(attackers))
    found = fw.diagnose(
        algorithm, clients, rounds=ROUNDS, cohort=1.0, test=digits.test, budget=BUDGET
    )
    hostile = set(clients.ids[list(attackers)].tolist())
    named = [finding for finding in found.findings if finding.evidence.get("clients")]
    told = {client for finding in named for client in finding.evidence["clients"]}
    codes = [f"{f.code}{', proved' if f.confirmed else ''}" for f in named]
    return [
        f"`{attack}`" if attack else "none",
        percent(found.baseline_accuracy),
        f"{len(told & hostile)} of {len(hostile)}",
        str(len(told - hostile)),
        "; ".join(codes),
        percent(found.repaired_accuracy),
    ]


def percent(score: float | None) -> str:
    """An accuracy in per cent."""
    return "" if score is None else f"{100 * score:.1f}"


def page(rows: dict[str, list[list[str]]]) -> Iterator[str]:
    """The lines of the page."""
    yield "# Which attackers a diagnosis names"
    yield ""
    yield "Made by `python benchmarks/attackers.py`, whose header explains it. *Others named* are"
    yield "clients that do not attack; *repaired* is the accuracy, in per cent, after all that the"
    yield "diagnosis proves is mended, skew of labels too. One seed; four attackers send the"
    yield "same where an attack is agreed upon, and one who is alone sends what nobody else does. A"
    yield "diagnosis has 120 seconds, by which more or less is proved."
    for title, table in rows.items():
        yield from ("", f"## {title}", "")
        yield "| attack | accuracy, % | attackers named | others named | by | repaired, % |"
        yield "| --- | --- | --- | --- | --- | --- |"
        yield from ("| " + " | ".join(cells) + " |" for cells in table)


def main() -> None:
    """Runs every attack under every partition, and writes the page."""
    rows: dict[str, list[list[str]]] = {}
    for partition in PARTITIONS:
        rows[f"{partition}, nobody attacks"] = [row(partition, None, ())]
        for many, attackers in HOSTILE.items():
            for attack in ATTACKS:
                cells = row(partition, attack, attackers)
                print(partition, many, *cells, sep=" | ", flush=True)
                rows.setdefault(f"{partition}, {many}", []).append(cells)
    (HERE / "ATTACKERS.md").write_text("\n".join(page(rows)) + "\n")


if __name__ == "__main__":
    main()
