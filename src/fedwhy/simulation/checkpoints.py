"""Checkpoints: a run's whole state on disk, complete or not there at all.

A checkpoint is a folder `round-000010` with `state.safetensors` (every array, named by its path
in the state) and `manifest.json` (what the run was, its history, and the SHA-256 of the arrays
and of itself). It is written under a temporary name, synced, and renamed, so that a run killed
at any moment leaves the earlier ones as they were.
"""

import hashlib
import json
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from reprlib import Repr
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as dump_arrays

from fedwhy.engine import Settings
from fedwhy.errors import CheckpointError
from fedwhy.simulation.files import sync_folder, write_synced

PyTree = Any
log = logging.getLogger("fedwhy")
SHORT = Repr()  # What Standardise learnt may be thousands of numbers.
SHORT.maxstring = SHORT.maxother = 80

ARRAYS, MANIFEST, FORMAT = "state.safetensors", "manifest.json", 2
DAMAGE = (OSError, ValueError, KeyError, SafetensorError)


class Checkpoint(NamedTuple):
    """A run after `round` rounds: its arrays (a pytree), its history and what it was.

    `engine` is how its rounds were run, which changes rounding and nothing else.
    """

    round: int
    state: PyTree
    history: list[dict[str, Any]]
    identity: dict[str, Any]
    engine: Settings


def save(folder: Path, checkpoint: Checkpoint, keep: int = 3) -> Path:
    """Writes `checkpoint` under `folder` and removes all but the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob(".writing-*"):
        shutil.rmtree(stale)
    target = folder / f"round-{checkpoint.round:06d}"
    temporary = folder / f".writing-{target.name}-{os.getpid()}"
    temporary.mkdir()
    leaves = {k: np.asarray(v, order="C") for k, v in named(checkpoint.state).items()}
    arrays = dump_arrays({name: plain(leaf) for name, leaf in leaves.items()})
    manifest = {
        "format": FORMAT,
        "dtypes": {name: leaf.dtype.name for name, leaf in leaves.items()},
        "round": checkpoint.round,
        "identity": checkpoint.identity,
        "engine": asdict(checkpoint.engine),
        "history": checkpoint.history,
        "arrays_sha256": hashlib.sha256(arrays).hexdigest(),
    }
    manifest["manifest_sha256"] = digest(manifest)
    write_synced(temporary / ARRAYS, arrays)
    write_synced(temporary / MANIFEST, json.dumps(manifest).encode())
    sync_folder(temporary)
    if target.exists():  # Put aside and not deleted, so that one of the two is always there.
        target.rename(folder / f".writing-old-{target.name}-{os.getpid()}")
    temporary.rename(target)
    sync_folder(folder)
    for stale in folder.glob(".writing-*"):
        shutil.rmtree(stale)
    for old in checkpoints(folder)[keep:]:
        shutil.rmtree(old)
    return target


def load(folder: Path, like: PyTree, identity: dict[str, Any]) -> Checkpoint:
    """Loads the newest intact checkpoint under `folder`, shaped as the pytree `like`.

    A damaged one is logged and the next older one tried. Raises `CheckpointError` where none is
    intact, or where the newest belongs to a run with another `identity` or other arrays.
    """
    damaged = []
    for path in checkpoints(folder):
        try:
            manifest, arrays = read(path)
        except DAMAGE as error:
            log.warning("checkpoint %s is damaged (%s); trying an older one", path, error)
            damaged.append(path.name)
            continue
        if manifest["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has format {manifest['format']}, this fedwhy reads format {FORMAT}; "
                "resume with the version that wrote it (environment.json tells)"
            )
        for name, value in identity.items():
            if manifest["identity"].get(name) != value:
                theirs, ours = map(SHORT.repr, (manifest["identity"].get(name), value))
                raise CheckpointError(
                    f"{path}: its run had {name} = {theirs}, this one has {ours}; "
                    f"resume with the same {name}, or start a new run"
                )
        state = fill(like, arrays, path)
        engine = Settings(**manifest["engine"])
        return Checkpoint(
            manifest["round"], state, manifest["history"], manifest["identity"], engine
        )
    found = f"only damaged ones ({', '.join(damaged)})" if damaged else "none"
    raise CheckpointError(f"{folder}: no intact checkpoint to resume from, found {found}")


def engine_of(folder: Path) -> Settings | None:
    """How the run was run whose newest intact checkpoint is under `folder`; None if none is."""
    for path in checkpoints(folder):
        with suppress(*DAMAGE):  # `load` tells of it.
            return Settings(**read(path)[0]["engine"])
    return None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints under `folder`, newest first."""
    numbered = [p for p in folder.glob("round-*") if p.name.removeprefix("round-").isdigit()]
    return sorted(numbered, key=lambda p: int(p.name.removeprefix("round-")), reverse=True)


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Manifest and arrays of one checkpoint; raises `ValueError` where a checksum is wrong."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError(f"{MANIFEST} holds no JSON object")
    if manifest.pop("manifest_sha256") != digest(manifest):
        raise ValueError(f"{MANIFEST} does not match its checksum")
    arrays = (path / ARRAYS).read_bytes()
    if hashlib.sha256(arrays).hexdigest() != manifest["arrays_sha256"]:
        raise ValueError(f"{ARRAYS} does not match its checksum")
    leaves = load_arrays(arrays)
    dtypes = manifest["dtypes"]
    return manifest, {name: leaf.view(jnp.dtype(dtypes[name])) for name, leaf in leaves.items()}


def plain(leaf: np.ndarray) -> np.ndarray:
    """`leaf` as safetensors can read it back with NumPy: types that NumPy lacks as their bits."""
    return leaf if leaf.dtype.isbuiltin == 1 else leaf.view(f"u{leaf.dtype.itemsize}")


def named(tree: PyTree) -> dict[str, Any]:
    """The leaves of a pytree by their path, such as `.server.weights.params['dense/kernel']`."""
    return {jax.tree_util.keystr(p): leaf for p, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def fill(like: PyTree, arrays: dict[str, np.ndarray], path: Path) -> PyTree:
    """`like` with its leaves from `arrays`; raises `CheckpointError` naming what differs."""
    expected = named(like)
    for name in expected.keys() ^ arrays.keys():
        where = "the checkpoint" if name in expected else "this experiment"
        raise CheckpointError(f"{path}: {name} is missing from {where}; was the model changed?")
    for name, leaf in expected.items():
        if arrays[name].shape != leaf.shape or arrays[name].dtype != leaf.dtype:
            raise CheckpointError(
                f"{path}: {name} is {arrays[name].dtype}{list(arrays[name].shape)}, this "
                f"experiment has {leaf.dtype}{list(leaf.shape)}; was the model or data changed?"
            )
    leaves = [arrays[name] for name in expected]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def digest(manifest: dict[str, Any]) -> str:
    """SHA-256 of a manifest's canonical JSON."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
