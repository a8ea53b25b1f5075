"""Three clients with 100 points each and a line to fit: what averaging their lines gives.

`alike`: all draw from x in 0..10, y = 2 x + 1 + noise. `unlike`: client i, from 1 on, has x in
0..5 i and y = i x + i + noise. A line is `[slope, intercept]`.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import optax

import fedwhy as fw
from fedwhy.algorithms import Algorithm

Line = np.ndarray
KINDS = "alike", "unlike"
POINTS, TESTED, ROUNDS = 100, 2000, 40
STEPS = {"1 step": 1, "10 steps": 10, "200 steps": 200}
PLAIN = fw.Engine(lanes=1, devices=1, lowering="off")


def clients_of(kind: str, seed: int, points: int = POINTS) -> fw.FederatedDataset:
    """The three clients, or their test sets if there are more points."""
    rng = np.random.default_rng([seed, points])
    held = {}
    for number in (1, 2, 3):
        reach, slope, intercept = (10, 2, 1) if kind == "alike" else (5 * number, number, number)
        x = rng.uniform(0, reach, (points, 1))
        y = slope * x[:, 0] + intercept + rng.normal(size=points)
        held[str(number)] = x.astype(np.float32), y.astype(np.float32)
    return fw.FederatedDataset.from_clients(held)


def unlike() -> tuple[fw.FederatedDataset, fw.Dataset]:
    """Clients of different lines and their test set, for `drift.toml`."""
    return clients_of("unlike", 0), clients_of("unlike", 0, TESTED).pooled()


def fitted(x: np.ndarray, y: np.ndarray) -> Line:
    """The line of least squares."""
    columns = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    return np.linalg.lstsq(columns, y.astype(np.float64), rcond=None)[0]


def in_sequence(lines: Sequence[Line], start: Line | None = None) -> Line:
    """`(line + next) / 2` through all of them; the first, if there is none to start from."""
    first, *others = lines if start is None else [start, *lines]
    for line in others:
        first = (first + line) / 2
    return first


def study(kind: str, seed: int) -> dict:
    """Errors on new points of all three clients, of every way to make one line of three."""
    clients, test = clients_of(kind, seed), clients_of(kind, seed, TESTED)
    x, y = test.x.astype(np.float64), test.y.astype(np.float64)

    def error(line: Line) -> float:
        return float(np.mean((x[:, 0] * line[0] + line[1] - y) ** 2))

    rows = [clients.owner == number for number in range(3)]
    lines = [fitted(clients.x[of], clients.y[of]) for of in rows]
    orders = [in_sequence(order) for order in permutations(lines)]
    weighted = np.average(lines, axis=0, weights=clients.sizes)
    pooled = fitted(clients.x, clients.y)
    found = fw.analytics.linear_regression(clients)
    exact = np.array([found.coefficients[0], found.intercept])
    repeated = [in_sequence(lines)]
    for _ in range(9):
        repeated.append(
            in_sequence([fitted(clients.x[of], clients.y[of]) for of in rows], repeated[-1])
        )
    own = [
        np.mean((x[test.owner == n, 0] * lines[n][0] + lines[n][1] - y[test.owner == n]) ** 2)
        for n in range(3)
    ]
    return {
        "slopes": [float(line[0]) for line in orders],
        "orders": [error(line) for line in orders],
        "weighted": error(weighted),
        "exact": error(exact),
        "from_pooled": float(np.abs(exact - pooled).max()),
        "bytes": found.bytes_per_client,
        "own": float(np.mean(own)),
        "repeated": [error(line) for line in repeated],
        "shares": shares_after(1) + shares_after(10),
    }


def shares_after(iterations: int) -> list[float]:
    """What each client counts for after so many passes of averaging in sequence."""
    lines = list(np.eye(3))
    line = in_sequence(lines)
    for _ in range(iterations - 1):
        line = in_sequence(lines, line)
    return line.tolist()


def rounds_of(seed: int, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Test error by round where clients go on from the joined line, as in federated averaging."""
    clients, test = clients_of("unlike", seed), clients_of("unlike", seed, TESTED).pooled()
    model = fw.Model.from_zoo("linear")

    def by_round(algorithm: Algorithm) -> list[float]:
        run = fw.train(
            algorithm,
            clients,
            rounds=rounds,
            cohort=3,
            seed=seed,
            test=test,
            engine=PLAIN,
            progress=False,
        )
        return [record["test_loss"] for record in run.history]

    def local(steps: int) -> fw.LocalSGD:
        return fw.LocalSGD(optax.sgd(0.005), steps=steps, batch_size=POINTS)

    curves = {name: by_round(fw.fedavg(model, local(steps))) for name, steps in STEPS.items()}
    longest = max(STEPS.values())
    return curves | {f"{longest} steps, SCAFFOLD": by_round(fw.scaffold(model, local(longest)))}
