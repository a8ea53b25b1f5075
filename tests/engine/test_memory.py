"""Where examples and client states lie changes no result; memory and programs do not grow."""

import resource
import sys

import jax
import numpy as np
import optax
import psutil
import pytest

import fedwhy as fw
from fedwhy import aggregators as agg
from fedwhy.engine import Cohort, Engine, Settings, compiled, states
from fedwhy.engine import devices as engine_devices
from fedwhy.engine.devices import make_mesh, share
from fedwhy.engine.examples import OnHost
from fedwhy.engine.program import enrol
from fedwhy.engine.states import DeviceStates, HostStates, client_states
from fedwhy.models import Weights


@pytest.fixture
def clients(digits):
    return fw.partition(digits.train, fw.Dirichlet(0.3), clients=12, seed=2)


def stateful(softmax):
    """Softmax regression with a model state that every client keeps."""
    from dataclasses import replace

    def apply(params, state, x, key, train):
        output, _ = softmax.apply(params, (), x, key, train)
        return output, {"seen": state["seen"] + len(x) * train}

    def init(key, example):
        return Weights(softmax.init(key, example).params, {"seen": jax.numpy.float32(0)})

    return replace(softmax, init=init, apply=apply)


def train(model, clients, rounds=4, **options):
    local = fw.LocalSGD(optax.sgd(0.1), batch_size=16, state="client")
    return fw.train(
        fw.fedavg(model, local), clients, rounds=rounds, cohort=5, progress=False, **options
    )


def assert_same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6)


@pytest.mark.parametrize("devices", [1, 2])
def test_client_states_in_a_file_give_the_same_run(clients, softmax, monkeypatch, devices):
    model, engine = stateful(softmax), Engine(devices=devices)
    resident = train(model, clients, engine=engine)
    monkeypatch.setattr(states, "SHARE", 0.0)
    in_file = train(model, clients, engine=engine)
    assert_same((resident.server, resident.states), (in_file.server, in_file.states))
    assert np.asarray(in_file.states.work.state["seen"]).max() > 0


@pytest.mark.parametrize("kind", ["device", "memory", "file"])
def test_states_are_gathered_and_scattered_by_client(kind):
    mesh, one = make_mesh(1), {"a": jax.numpy.arange(3.0)}
    if kind == "device":
        store = DeviceStates(one, 6, mesh)
    else:
        store = HostStates(one, 6, mesh, in_file=kind == "file")
    at = np.array([[4, 1, 6]], np.int32)  # 6 is nobody: a free slot
    rows = store.gather(at)
    np.testing.assert_array_equal(rows["a"][0, :2], [[0, 1, 2]] * 2)
    store.scatter(at, jax.tree.map(lambda a: a + jax.numpy.array([[[10], [20], [99]]]), rows))
    expected = np.tile([0.0, 1, 2], (6, 1))
    expected[4] += 10
    expected[1] += 20
    np.testing.assert_array_equal(store.all()["a"], expected)


def test_rows_that_are_asked_for_again_are_not_copied_and_others_find_them_put_back():
    store = client_states({"a": jax.numpy.zeros(3)}, 4, make_mesh(1))
    ours, theirs = np.array([[2, 0]], np.int32), np.array([[0, 3]], np.int32)
    rows = jax.tree.map(lambda a: a + jax.numpy.array([[[5.0], [7.0]]]), store.gather(ours))
    store.scatter(ours, rows)
    assert store.gather(ours) is rows
    np.testing.assert_array_equal(store.gather(theirs)["a"][0, :, 0], [7, 0])
    store.scatter(ours, rows)
    store.scatter(theirs, jax.tree.map(lambda a: a - 1, store.gather(theirs)))
    np.testing.assert_array_equal(np.asarray(store.all()["a"])[:, 0], [6, 0, 5, -1])
    store.scatter(ours, rows)
    store.restore({"a": jax.numpy.ones((4, 3))})
    np.testing.assert_array_equal(store.gather(ours)["a"], np.ones((1, 2, 3)))


def test_a_million_clients_in_a_file_take_room_only_once_they_have_worked():
    one = {"a": jax.numpy.ones(1000)}
    store = HostStates(one, 1_000_000, make_mesh(1), in_file=True)
    before = psutil.Process().memory_info().rss
    at = np.array([[999_999, 5]], np.int32)
    store.scatter(at, jax.tree.map(lambda a: a + 1, store.gather(at)))
    np.testing.assert_array_equal(store.gather(at)["a"], np.full((1, 2, 1000), 2.0))
    assert psutil.Process().memory_info().rss - before < 50e6


@pytest.mark.parametrize("devices", [1, 2])
def test_examples_on_the_host_give_the_same_run(clients, softmax, monkeypatch, devices):
    engine = Engine(devices=devices)
    resident = train(softmax, clients, engine=engine)
    monkeypatch.setattr(compiled, "examples", OnHost)
    on_host = train(softmax, clients, engine=engine)
    assert_same(resident.server, on_host.server)


@pytest.mark.parametrize("small", [True, False])
def test_devices_of_a_cpu_read_a_memory_mapped_file_where_it_is_unless_small(
    tmp_path, monkeypatch, small
):
    monkeypatch.setattr(engine_devices, "READ_AT_ONCE", 2800 if small else 2799)
    file = np.memmap(tmp_path / "x", np.float32, "w+", shape=(100, 7))
    file[:] = 3
    shared = share(file[:], make_mesh(2))
    addresses = {s.data.unsafe_buffer_pointer() for s in shared.addressable_shards}
    assert len(addresses) == 1
    assert (addresses == {file.ctypes.data}) is not small
    assert (np.asarray(shared) == 3).all()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux maps a file at once")
def test_large_file_is_mapped_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_devices, "READ_AT_ONCE", 0)
    np.save(tmp_path / "x.npy", np.ones((8192, 1024), np.float32))

    def faults(share_of_memory):
        monkeypatch.setattr(engine_devices, "MAPPED_AT_ONCE", share_of_memory)
        file = np.load(tmp_path / "x.npy", mmap_mode="r")
        shared = share(file, make_mesh(1))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert file[:, 0].sum() == 8192
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        assert shared.unsafe_buffer_pointer() == file.ctypes.data
        return faults

    assert faults(0.5) < faults(0.0) / 2


def test_ragged_cohorts_compile_once(softmax, digits, caplog):
    import logging

    sizes = np.maximum(np.random.default_rng(0).lognormal(2, 1, 200).astype(int), 1)
    owner = np.repeat(np.arange(200), sizes)
    rows = np.resize(np.arange(len(digits.train.y)), len(owner))
    x, y = digits.train.x[rows], digits.train.y[rows]
    ragged = fw.FederatedDataset.from_arrays(x, y, owner, classes=10)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        fw.train(
            fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.1), batch_size=10)),
            ragged,
            rounds=20,
            cohort=30,
            progress=False,
            engine=Engine(lanes=2, devices=2, lowering="on"),  # Nothing is left to measure.
        )
    compiled_rounds = [m for m in caplog.messages if m.startswith("Compiling jit(run)")]
    assert len(compiled_rounds) == 1


def test_memory_does_not_grow_from_round_to_round(softmax, clients, digits, tmp_path):
    used = {}

    class Watch(fw.Callback):
        def on_round(self, training):
            used[training.round] = psutil.Process().memory_info().rss

    train(
        stateful(softmax),
        clients,
        rounds=200,
        test=digits.test,
        test_clients=clients,
        callbacks=[fw.RunFolder(tmp_path / "r", checkpoint_every=5), Watch()],
    )
    assert used[200] < 1.02 * used[20]


def temporary_bytes(digits, aggregator, cohort):
    """What a compiled round of so many clients takes beside its arguments and results."""
    data = fw.partition(digits.train, fw.IID(), clients=300)
    model = fw.Model.from_zoo("mlp", hidden=(64,))
    local = fw.LocalSGD(optax.sgd(0.1), steps=1, batch_size=4)
    algorithm = fw.fedavg(model, local).with_aggregator(aggregator)
    server = algorithm.begin(model.init(jax.random.key(0), data.x[:1]), data.clients)
    rounds = compiled.CompiledRounds(algorithm, data, server, cohort, Settings(1, 1, True))
    ready = rounds.place([rounds.plan(Cohort.of(np.arange(cohort)), 0, 1)])
    kept = states.client_states(enrol(algorithm, server), data.clients, rounds.mesh)
    rows = kept.gather(ready.plans[0].client)
    key = np.asarray(jax.random.key_data(jax.random.key(0)))
    arguments = (server, rows, ready.placed, ready.arrays, key, np.int32(1), np.int32(1))
    return rounds._run.lower(*arguments).compile().memory_analysis().temp_size_in_bytes


STREAMING = {
    "mean": agg.mean(),
    "links": agg.chain(agg.adaptive_zeroing(), agg.clip(), agg.quantize(8), agg.mean()),
    "majority_vote": agg.majority_vote(),
    "secure_mean": agg.secure_mean(1.0, clients=300),
    "private_mean": agg.private_mean(cohort=300),
}


@pytest.mark.parametrize("name", STREAMING)
def test_messages_that_are_added_up_take_no_room_for_each_client(name, digits):
    few, many = (temporary_bytes(digits, STREAMING[name], cohort) for cohort in (10, 300))
    assert many < 2 * few


def test_rules_that_see_every_message_hold_them_all(digits):
    few, many = (temporary_bytes(digits, agg.median(), cohort) for cohort in (10, 300))
    assert many > 10 * few
