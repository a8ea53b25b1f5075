"""Checkpoints: whole or absent, checked, and bit-identical to resume from."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.engine import Engine, Settings
from fedwhy.errors import CheckpointError
from fedwhy.simulation import Checkpoint, checkpoints

STATE = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": (np.int32(4), np.array([True]))}
IDENTITY = {"seed": 1}
ENGINE = Settings(lanes=1, devices=1, lowering=False)


def save(folder, round, **state):
    checkpoint = Checkpoint(round, STATE | state, [{"round": round}], IDENTITY, ENGINE)
    return checkpoints.save(folder, checkpoint)


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in pairs)


def test_round_trip_keeps_every_bit_and_the_newest_three(tmp_path):
    for round in (1, 2, 9, 10):
        save(tmp_path, round, a=np.float32(round) * STATE["a"])
    assert [p.name for p in checkpoints.checkpoints(tmp_path)] == [
        "round-000010",
        "round-000009",
        "round-000002",
    ]
    loaded = checkpoints.load(tmp_path, STATE, IDENTITY)
    assert loaded.round == 10
    assert loaded.history == [{"round": 10}]
    assert same(loaded.state, STATE | {"a": 10 * STATE["a"]})


def truncate(path: Path):
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink])
@pytest.mark.parametrize("name", [checkpoints.ARRAYS, checkpoints.MANIFEST])
def test_damaged_checkpoint_is_passed_over_for_an_older_one(tmp_path, damage, name):
    save(tmp_path, 1)
    damage(save(tmp_path, 2) / name)
    assert checkpoints.load(tmp_path, STATE, IDENTITY).round == 1


def test_nothing_intact_is_an_error(tmp_path):
    flip(save(tmp_path, 1) / checkpoints.ARRAYS)
    with pytest.raises(CheckpointError, match="round-000001"):
        checkpoints.load(tmp_path, STATE, IDENTITY)


@pytest.mark.parametrize(
    ("like", "identity", "message"),
    [
        (STATE, {"seed": 2}, "seed = 1, this one has 2"),
        (
            STATE | {"a": np.zeros((2, 4), np.float32)},
            IDENTITY,
            r"float32\[2, 3\].*float32\[2, 4\]",
        ),
        (STATE | {"c": np.zeros(1)}, IDENTITY, r"\['c'\] is missing from the checkpoint"),
    ],
)
def test_checkpoint_of_another_experiment_is_refused(tmp_path, like, identity, message):
    save(tmp_path, 1)
    with pytest.raises(CheckpointError, match=message):
        checkpoints.load(tmp_path, like, identity)


def test_half_written_checkpoint_is_not_seen_and_swept_away(tmp_path):
    half = shutil.copytree(save(tmp_path, 1), tmp_path / ".writing-round-000002-77")
    assert checkpoints.load(tmp_path, STATE, IDENTITY).round == 1
    save(tmp_path, 3)
    assert not half.exists()


def test_resumed_run_is_bit_identical_with_client_and_server_state(tmp_path, digits, softmax):
    clients = fw.partition(digits.train, fw.Dirichlet(0.3), clients=10, seed=0)
    local = fw.LocalSGD(optax.sgd(0.1), batch_size=16)
    algorithm = fw.fedadam(softmax, local)

    def train(rounds, name, **options):
        folder = fw.RunFolder(tmp_path / name, checkpoint_every=2)
        return fw.train(
            algorithm,
            clients,
            rounds=rounds,
            cohort=4,
            progress=False,
            callbacks=[folder],
            **options,
        )

    whole = train(7, "whole")
    train(3, "parts")
    resumed = train(7, "parts", resume=tmp_path / "parts")
    assert same(whole.server, resumed.server)
    assert [r["round"] for r in resumed.history] == list(range(8))
    assert [r["train_loss"] for r in whole.history[1:]] == [
        r["train_loss"] for r in resumed.history[1:]
    ]


def test_resumed_run_leaves_the_engine_as_it_was_unless_told_otherwise(tmp_path, digits, softmax):
    clients = fw.partition(digits.train, fw.Dirichlet(0.3), clients=10, seed=0)
    algorithm = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.1), batch_size=16))
    seen = []

    class Look(fw.Callback):
        def on_start(self, training):
            seen.append(training.engine)

    def train(rounds, engine, **options):
        callbacks = [Look(), fw.RunFolder(tmp_path / "run")]
        options = {"cohort": 4, "progress": False, "callbacks": callbacks, **options}
        fw.train(algorithm, clients, rounds=rounds, engine=engine, **options)

    first = Engine(lanes=3, devices=1, lowering="on")
    train(1, first)
    train(2, None, resume=tmp_path / "run")
    train(3, Engine(lanes=1, devices=2), resume=tmp_path / "run")
    assert seen == [Settings(3, 1, True), Settings(3, 1, True), Settings(1, 2, True)]


def killed_in_mid_round(command: list[str], run: Path) -> None:
    """Starts a run and kills it with SIGKILL once it has a checkpoint and a round after it."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    metrics = run / "metrics.jsonl"
    while process.poll() is None:
        if metrics.exists() and len(metrics.read_text().splitlines()) > 7:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return
    raise RuntimeError("the run ended before it could be killed")


def test_killed_run_resumes_bit_identical_to_one_left_alone(tmp_path):
    settings = ["train.rounds=60", "train.checkpoint_every=5", "model.name=softmax"]
    common = [sys.executable, "-m", "fedwhy", "run", "--json"]
    sets = [part for s in settings for part in ("--set", s)]
    run = tmp_path / "killed"
    killed_in_mid_round([*common, *sets, "--out", str(run)], run)
    assert not (run / "summary.json").exists()
    subprocess.run([*common, "--resume", str(run)], check=True, capture_output=True)
    alone = tmp_path / "alone"
    subprocess.run([*common, *sets, "--out", str(alone)], check=True, capture_output=True)
    assert (run / "model.safetensors").read_bytes() == (alone / "model.safetensors").read_bytes()
    rounds = [json.loads(line)["round"] for line in (run / "metrics.jsonl").open()]
    assert rounds == list(range(61))


def test_types_that_numpy_lacks_come_back(tmp_path):
    state = {"w": jax.numpy.arange(3, dtype=jax.numpy.bfloat16)}
    checkpoints.save(tmp_path, Checkpoint(1, state, [], {}, ENGINE))
    assert same(checkpoints.load(tmp_path, state, {}).state, state)


def test_newest_is_newest_beyond_a_million_rounds(tmp_path):
    for round in (999_999, 1_000_000):
        save(tmp_path, round)
    assert checkpoints.load(tmp_path, STATE, IDENTITY).round == 1_000_000
