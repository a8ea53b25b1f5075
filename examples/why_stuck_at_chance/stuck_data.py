"""MNIST as the experiments of this study hold it: few examples, rightly or wrongly prepared."""

from functools import cache

import numpy as np

import fedwhy as fw

TRAIN, TEST = 3000, 2000
NAMES = "zero one two three four five six seven eight nine".split()


@cache
def images() -> fw.Source:
    """The first images of MNIST, pixels from 0 to 1."""
    mnist = fw.load("mnist")
    train, test = mnist.train, mnist.test
    return source(train.x[:TRAIN], train.y[:TRAIN], test.x[:TEST], test.y[:TEST])


def source(x, y, test_x, test_y) -> fw.Source:
    """Train and test images of ten classes."""
    return fw.Source(
        fw.Dataset(x, y, "mnist", classes=10), fw.Dataset(test_x, test_y, "mnist", classes=10)
    )


def bytes_as_they_are() -> fw.Source:
    """Pixels from 0 to 255: nobody divided them."""
    right = images()
    return source(255 * right.train.x, right.train.y, 255 * right.test.x, right.test.y)


def divided_twice() -> fw.Source:
    """Pixels from 0 to 1/255: the reader divides them, and the preprocessing again."""
    right = images()
    return source(right.train.x / 255, right.train.y, right.test.x / 255, right.test.y)


def five_clients_leave_bytes() -> tuple[fw.FederatedDataset, fw.Dataset]:
    """Pixels from 0 to 1 at 15 clients, and from 0 to 255 at five."""
    right = images()
    clients = fw.partition(right.train, fw.IID(), clients=20)
    x, owner = clients.x.copy(), np.repeat(np.arange(20), np.diff(clients.offsets))
    x[owner % 4 == 0] *= 255
    return fw.FederatedDataset.from_arrays(x, clients.y, owner, classes=10), right.test


def labels_from_one() -> fw.Source:
    """Labels from 1 to 10."""
    right = images()
    return source(right.train.x, right.train.y + 1, right.test.x, right.test.y + 1)


def test_labels_by_name() -> fw.Source:
    """The test set numbers the classes by their names in alphabetical order."""
    right = images()
    place = np.argsort(np.argsort(NAMES)).astype(np.int32)
    return source(right.train.x, right.train.y, right.test.x, place[right.test.y])


def labels_in_another_order() -> fw.Source:
    """The training images were shuffled, and their labels were not."""
    right = images()
    order = np.random.default_rng(0).permutation(len(right.train.y))
    return source(right.train.x, right.train.y[order], right.test.x, right.test.y)
