"""A small CNN where MobileNet fails, and why it works.

Question 3, fragment 3.

Meant: a network with fewer weights, which cannot overfit the few examples of a client.

Wrong: size is not what it changes. The small network has no batch normalisation, and that is what
MobileNet fails by: no gradient trains its moving statistics, and TensorFlow Federated leaves them
as they began, so that evaluation normalises 27 layers by numbers of no data.

Here: the small network; one with 18 times the weights; and one with four normalised layers,
whose statistics stay as they began (`state="frozen"`), or are averaged, as fedwhy does by default.
"""

import fedwhy as fw  # before keras, so that Keras runs on JAX

# isort: split
import keras
import optax

digits = fw.load("digits")
clients = fw.partition(digits.train, fw.IID(), clients=10, seed=0)


def cnn(*channels, dense=(), norm=False):
    """Returns a function that makes the network."""

    def block(number, count):
        yield keras.layers.Conv2D(count, 3, strides=1 if number else 2, padding="same")
        if norm:
            yield keras.layers.BatchNormalization(momentum=0.9)
        yield keras.layers.ReLU()

    return lambda: keras.Sequential(
        [layer for number, count in enumerate(channels) for layer in block(number, count)]
        + [keras.layers.Flatten()]
        + [keras.layers.Dense(units, activation="relu") for units in dense]
        + [keras.layers.Dense(10)]
    )


setups = {
    "small": (cnn(16), "average"),
    "large": (cnn(32, dense=[96]), "average"),
    "normalised, statistics left": (cnn(6, 6, 6, 6, norm=True), "frozen"),
    "normalised, averaged": (cnn(6, 6, 6, 6, norm=True), "average"),
}
options = {"rounds": 4, "cohort": 10, "test": digits.test, "evaluate_every": 4, "progress": False}
options["engine"] = fw.Engine(lanes=1, devices=1, lowering="on")  # for so small a model

accuracy, parameters = {}, {}
for name, (network, state) in setups.items():
    model = fw.Model.from_keras(
        network, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    local = fw.LocalSGD(optax.sgd(0.1), epochs=3, batch_size=20, state=state)
    run = fw.train(fw.fedavg(model, local), clients, **options)
    accuracy[name], parameters[name] = run.test_accuracy, run.summary()["parameters"]
    print(f"{name:28} {parameters[name]:6,} weights  test accuracy {accuracy[name]:.3f}")
