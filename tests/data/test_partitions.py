"""Partition schemes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import kstest

from fedwhy.data import (
    IID,
    PARTITIONS,
    ByAttribute,
    ByTime,
    Clusters,
    Dataset,
    Dirichlet,
    DirichletByClass,
    LabelsPerClient,
    LognormalQuantity,
    Pachinko,
    QuantitySkew,
    Scheme,
    Shards,
    partition,
)
from fedwhy.errors import DataError, ParameterError


def every_scheme(examples: int) -> dict[str, Scheme]:
    """Schemes by name, those that need columns with one for so many examples."""
    number = np.arange(examples)
    schemes = [
        IID(),
        Dirichlet(0.1),
        Dirichlet(1e-320),
        Dirichlet(1e300),
        DirichletByClass(0.5, smallest=1),
        DirichletByClass(0.5, smallest=3, balance=False),
        DirichletByClass(1e-320, smallest=1),
        DirichletByClass(1e308, smallest=1),
        Shards(1),
        Shards(3),
        LabelsPerClient(1),
        LabelsPerClient(2),
        Clusters(1),
        Clusters(3, within=Shards(1)),
        Clusters(2, within=QuantitySkew(0.3)),
        QuantitySkew(0.3),
        QuantitySkew(1e-320),
        QuantitySkew(1e308),
        LognormalQuantity(0.0),
        LognormalQuantity(1e300),
        ByTime(),
        Pachinko(0.1, 10.0, [0, 0, 1, 1, 2, 2, 2]),
        Pachinko(1e-320, 1e300, [5, 4, 3, 2, 1, 0, 0]),
    ]
    by_column = {
        "ByTime(backwards)": ByTime(-number),
        "ByAttribute(few)": ByAttribute(number % 4),
        "ByAttribute(many)": ByAttribute([f"site {n}" for n in number // 2]),
    }
    return {repr(scheme): scheme for scheme in schemes} | by_column


SCHEMES = list(every_scheme(1))


def balanced(examples, classes):
    y = np.arange(examples, dtype=np.int32) % classes
    return Dataset(np.arange(examples), y, classes=classes)


def stats_under(scheme, dataset, clients) -> Any:
    return partition(dataset, scheme, clients).stats()


def label_shares(data):
    counts = data.stats().label_counts
    return counts / counts.sum(axis=1, keepdims=True)


@given(
    name=st.sampled_from(SCHEMES),
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=80),
    lowest=st.sampled_from([0, 0, -3]),
    clients=st.integers(1, 30),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_example_is_dealt_once_and_no_client_is_empty(name, labels, lowest, clients, seed):
    dataset = Dataset(np.arange(len(labels)), np.array(labels) + lowest)
    try:
        data = partition(dataset, every_scheme(len(labels))[name], clients, seed)
    except (ParameterError, DataError):
        return  # What each scheme refuses, and how, is tested below.
    assert sorted(data.x) == list(range(len(labels)))
    assert np.array_equal(data.y, dataset.y[data.x])
    assert data.origin is not None
    assert np.array_equal(data.origin, data.x)
    assert data.clients == clients
    assert data.sizes.min() >= 1


@pytest.mark.parametrize("name", SCHEMES)
def test_partition_follows_from_its_seed(name):
    dataset, scheme = balanced(210, 7), every_scheme(210)[name]
    first, same, other = (partition(dataset, scheme, 7, seed=s).x for s in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_examples_of_a_client_are_in_random_order():
    data = partition(balanced(1000, 10), Shards(2), 5)
    assert not any((np.diff(data.client(id).x) > 0).all() for id in data.ids)


def test_names_pytrees_and_ids_carry_over():
    dataset = Dataset({"u": np.arange(6), "v": np.ones((6, 2))}, np.zeros(6), name="six")
    data = partition(dataset, IID(), 3)
    assert data.ids.tolist() == ["client-000", "client-001", "client-002"]
    assert data.name == "six"
    assert sorted(data.x["u"]) == list(range(6))
    assert partition(balanced(2000, 2), IID(), 1001).ids[-1] == "client-1000"


@pytest.mark.parametrize("scheme", [IID(), Dirichlet(0.1)], ids=repr)
def test_sizes_differ_by_one_at_most(scheme):
    assert set(partition(balanced(103, 4), scheme, 10).sizes) == {10, 11}


def test_dirichlet_is_iid_for_large_alpha_and_one_label_for_small():
    dataset = balanced(10_000, 10)
    large, small = (stats_under(Dirichlet(alpha), dataset, 50) for alpha in (1e6, 1e-3))
    iid = stats_under(IID(), dataset, 50)
    assert large.label_skew == pytest.approx(iid.label_skew, abs=0.03)
    assert small.classes_per_client < 1.5
    assert small.label_skew > 0.85


def test_dirichlet_skew_falls_with_alpha():
    dataset = balanced(5000, 10)
    skews = [stats_under(Dirichlet(a), dataset, 50).label_skew for a in (0.01, 0.1, 1, 10)]
    assert skews == sorted(skews, reverse=True)


def test_shards_are_runs_of_the_sorted_labels():
    data = partition(balanced(600, 10), Shards(2), 100)
    assert set(data.sizes) == {6}
    counts = data.stats().label_counts
    assert counts is not None
    assert set(counts.ravel()) == {0, 3, 6}
    assert ((counts > 0).sum(axis=1) <= 2).all()


@given(st.integers(6, 200), st.integers(1, 6), st.integers(1, 4))
def test_shards_differ_in_size_by_one_at_most(examples, clients, per_client):
    assume(clients * per_client <= examples)
    scheme = Shards(per_client)
    owner = scheme.assign(np.zeros(examples, int), clients, np.random.default_rng(0))
    starts = np.arange(clients * per_client) * examples / (clients * per_client)
    shards = np.split(owner, np.ceil(starts[1:]).astype(int))
    assert all(len(set(shard)) == 1 for shard in shards)
    assert np.ptp([len(shard) for shard in shards]) <= 1
    assert (np.bincount([shard[0] for shard in shards]) == per_client).all()


@given(st.integers(1, 8), st.integers(1, 20), st.integers(1, 8), st.integers(0, 99))
def test_labels_per_client_is_exact_and_shares_are_even(classes, clients, each, seed):
    assume(each <= classes <= clients * each)
    data = partition(balanced(40 * classes, classes), LabelsPerClient(each), clients, seed)
    counts = data.stats().label_counts
    assert counts is not None
    assert ((counts > 0).sum(axis=1) == each).all()
    for column in counts.T:
        assert len(column[column > 0]) >= 1
        assert np.ptp(column[column > 0]) <= 1


def test_quantity_skew_draws_sizes_and_keeps_labels_iid():
    dataset = balanced(100_000, 4)
    data = partition(dataset, QuantitySkew(0.5), 100)
    assert data.stats().size_gini > 0.4
    large = data.sizes > 1000
    assert label_shares(data)[large] == pytest.approx(0.25, abs=0.06)
    # Var(q) = (1/n)(1 - 1/n) / (n alpha + 1) for one proportion of a flat Dirichlet of n.
    shares = np.array([partition(dataset, QuantitySkew(2.0), 50, s).sizes for s in range(40)]) / 1e5
    assert shares.var() == pytest.approx(0.02 * 0.98 / 101, rel=0.15)


def test_lognormal_sizes_are_lognormal():
    # A thousand examples a client in the mean: that sizes are whole does not matter.
    sigma, clients = 0.5, 2000
    rng = np.random.default_rng(0)
    owner = LognormalQuantity(sigma).assign(np.zeros(1000 * clients), clients, rng)
    logarithms = np.log(np.bincount(owner, minlength=clients))
    scaled = (logarithms - logarithms.mean()) / sigma
    assert kstest(scaled, "norm").pvalue > 1e-3
    assert scaled.var() == pytest.approx(1, abs=4 * np.sqrt(2 / clients))


def test_clients_of_a_cluster_share_labels_and_no_two_clusters_do():
    data = partition(balanced(1000, 10), Clusters(3), 8)
    counts = data.stats().label_counts
    assert counts is not None
    held = [frozenset(np.flatnonzero(row)) for row in counts]
    assert held == [held[c % 3] for c in range(8)]
    assert sorted(label for cluster in held[:3] for label in cluster) == list(range(10))
    assert sorted(map(len, held[:3])) == [3, 3, 4]
    one_label = partition(balanced(1000, 10), Clusters(3, within=LabelsPerClient(1)), 12).stats()
    assert one_label.classes_per_client == 1


TWELVE: Any = balanced(12, 4)
NO_SCHEME: Any = "iid"
NO_INSTANCE: Any = IID
HALF: Any = 0.5
TWO_CLIENTS: Any = partition(TWELVE, IID(), 2)
REFUSED = {
    "more clients than examples": (
        lambda: partition(TWELVE, IID(), 13),
        "clients: 13 clients cannot share 12 examples; use at most 12",
    ),
    "no clients": (lambda: partition(TWELVE, IID(), 0), "clients: expected a whole number"),
    "negative seed": (lambda: partition(TWELVE, IID(), 2, seed=-1), "seed: expected a whole"),
    "a scheme's class": (
        lambda: partition(TWELVE, NO_INSTANCE, 2),
        "scheme: expected a scheme such as",
    ),
    "a scheme's name": (lambda: partition(TWELVE, NO_SCHEME, 2), "given 'iid'"),
    "data with clients": (
        lambda: partition(TWO_CLIENTS, IID(), 2),
        "dataset: expected a Dataset, given FederatedDataset; use pooled()",
    ),
    "too many shards": (
        lambda: partition(TWELVE, Shards(5), 3),
        "per_client: 3 clients with 5 shards each need 15 examples, but there are 12",
    ),
    "labels without a holder": (
        lambda: partition(TWELVE, LabelsPerClient(1), 3),
        "labels: 3 clients with 1 labels each cannot hold exactly the 4 labels of the data; "
        "use 2 to 4 labels a client",
    ),
    "more labels than there are": (
        lambda: partition(TWELVE, LabelsPerClient(5), 3),
        "use 2 to 4 labels a client",
    ),
    "more holders than examples": (
        lambda: partition(TWELVE, LabelsPerClient(4), 4),
        "clients: 4 clients would share the 3 examples of label 0; use fewer clients",
    ),
    "too many by class": (
        lambda: partition(TWELVE, DirichletByClass(1.0), 2),
        "smallest: 2 clients of 10 examples or more need 20, but there are 12; use fewer clients, "
        "or a smallest of at most 6",
    ),
    "too uneven by class": (
        lambda: partition(TWELVE, DirichletByClass(1e-9, smallest=1), 12),
        "smallest: none of 1000 draws gave each of 12 clients 1 examples (the best gave each 0); "
        "use a larger alpha, fewer clients, or a smaller smallest",
    ),
    "more clusters than labels": (
        lambda: partition(TWELVE, Clusters(5), 6),
        "clusters: 6 clients and 4 labels make no 5 clusters; use at most 4",
    ),
    "more clients than examples in a cluster": (
        lambda: partition(TWELVE, Clusters(3), 11),
        "clients: 4 clients of one cluster cannot share the 3 examples of its labels",
    ),
    "no scheme within clusters": (
        lambda: Clusters(2, within=NO_INSTANCE),
        "within: expected a scheme such as IID()",
    ),
    "no draws by class": (lambda: DirichletByClass(1.0, smallest=0), "smallest: expected a whole"),
    "negative spread": (lambda: LognormalQuantity(-1.0), "sigma: expected a finite number >= 0"),
    "no beta": (lambda: Pachinko(0.1, 0, [0]), "beta: expected a finite number > 0, given 0"),
    "negative alpha": (lambda: Dirichlet(-1), "alpha: expected a finite number > 0, given -1"),
    "infinite alpha": (lambda: QuantitySkew(float("inf")), "alpha: expected a finite number > 0"),
    "no shards": (lambda: Shards(0), "per_client: expected a whole number of at least 1"),
    "half a label": (lambda: LabelsPerClient(HALF), "labels: expected a whole number"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_impossible_partition_is_refused(fault):
    build, message = REFUSED[fault]
    with pytest.raises(ParameterError) as error:
        build()
    assert message in str(error.value)


BY_LABEL = [
    Dirichlet(1.0),
    DirichletByClass(1.0),
    Shards(),
    LabelsPerClient(1),
    Clusters(1),
    Pachinko(1.0, 1.0, [0]),
]


@pytest.mark.parametrize("scheme", BY_LABEL, ids=repr)
@pytest.mark.parametrize("y", [np.zeros(6), np.zeros((6, 2), int)], ids=["float", "matrix"])
def test_schemes_by_label_need_one_class_number_an_example(scheme, y):
    with pytest.raises(DataError, match="needs one whole number an example"):
        partition(Dataset(np.zeros(6), y), scheme, 2)
    for scheme in (
        IID(),
        QuantitySkew(1.0),
        LognormalQuantity(1.0),
        ByTime(),
        ByAttribute([0] * 6),
    ):
        assert len(partition(Dataset(np.zeros(6), y), scheme, 2)) == 6


@dataclass(frozen=True)
class Constant:
    owner: int

    def assign(self, labels, clients, rng):
        return np.full(len(labels), self.owner)


def test_schemes_of_the_users_own_are_checked():
    with pytest.raises(ParameterError, match="client-000 of 3 would hold no examples under Const"):
        partition(TWELVE, Constant(1), 3)
    with pytest.raises(DataError, match="assign must return a client 0..2 for each of 12"):
        partition(TWELVE, Constant(3), 3)


def test_registry_names_every_scheme():
    names = "iid dirichlet dirichlet_by_class shards labels clusters quantity lognormal time"
    assert list(PARTITIONS) == names.split()
    assert all(scheme.__doc__ for scheme in PARTITIONS.values())
