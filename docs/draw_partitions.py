"""Draws every partition of MNIST for `partition_gallery.md`: `python docs/draw_partitions.py`."""

from pathlib import Path

import numpy as np
from PIL import Image

import fedwhy as fw

FOLDER = Path(__file__).parent / "pictures"
CLIENTS = 30

SCHEMES = {
    "iid": fw.IID(),
    "dirichlet": fw.Dirichlet(1.0),
    "dirichlet_by_class": fw.DirichletByClass(0.1),
    "shards": fw.Shards(2),
    "labels": fw.LabelsPerClient(3),
    "pachinko": fw.Pachinko(0.3, 10.0, np.arange(10) // 2),
    "clusters": fw.Clusters(3),
    "quantity": fw.QuantitySkew(0.5),
    "lognormal": fw.LognormalQuantity(1.0),
    "time": fw.ByTime(),
}
SHIFTS = {
    "noise": fw.shifts.GaussianNoise(0.5),
    "rotation": fw.shifts.Rotation(90.0, clusters=4),
    "label_noise": fw.shifts.LabelNoise(0.5, clients=0.3),
}


def main() -> None:
    """Writes a picture for each scheme and shift, and one for a real attribute."""
    FOLDER.mkdir(exist_ok=True)
    mnist = fw.load("mnist").train
    for name, scheme in SCHEMES.items():
        draw(name, fw.partition(mnist, scheme, clients=CLIENTS, seed=0))
    ink = np.digitize(mnist.x.mean(axis=(1, 2, 3)), np.linspace(0.08, 0.2, CLIENTS - 1))
    draw("attribute", fw.partition(mnist, fw.ByAttribute(ink), clients=CLIENTS, seed=0))
    even = fw.partition(mnist, fw.IID(), clients=CLIENTS, seed=0)
    for name, by in SHIFTS.items():
        draw(name, fw.shift(even, by, seed=0))


def draw(name: str, clients: fw.FederatedDataset) -> None:
    """Draws one picture, with few colours so that the file is small."""
    path = FOLDER / f"{name}.png"
    fw.draw_partition(clients, path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(128).save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
