"""Federated averaging on real handwritten digits, and what two remedies for label skew change.

Run with `python examples/digits.py`; it takes about a minute on a laptop.
"""

import optax

import fedwhy as fw

digits = fw.load("digits")
clients = fw.partition(digits.train, fw.Dirichlet(0.1), clients=50, seed=0)
print(clients.stats())

model = fw.Model.from_zoo("mlp", classes=10)
local = fw.LocalSGD(optax.sgd(0.1), epochs=5, batch_size=20)
algorithms = [
    fw.fedavg(model, local),
    fw.fedavgm(model, local, momentum=0.9, learning_rate=0.3),
    fw.fedprox(model, local, mu=0.1),
]

for algorithm in algorithms:
    run = fw.train(
        algorithm,
        clients,
        rounds=100,
        cohort=10,
        seed=0,
        test=digits.test,
        evaluate_every=10,
        progress=False,
    )
    result = run.summary()
    print(
        f"{algorithm.name:8}  test accuracy {result['test_accuracy']:.3f}  "
        f"best {result['best_test_accuracy']:.3f} (round {result['best_round']})  "
        f"{1000 * result['seconds_per_round']:.0f} ms a round"
    )
