"""The runs of the study: each is an experiment file with a few keys changed, as `--set` does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fedwhy.experiment import Experiment

FOLDER = Path(__file__).parent

# What `fedwhy diagnose` prescribes for mobilenet.toml.
REPAIRED = ('client.state="average"', "model.momentum=0.9")
# As long as it takes for the curves to flatten; TFF was measured over 12 rounds.
LONG = ("train.rounds=18",)
ONE_PLACE = ("partition.clients=1", "train.cohort=1")
SHARDS = ('partition.name="shards"', "partition.per_client=2")
FEDBN = ('algorithm.name="fedbn"', 'client.state="client"', "model.momentum=0.9")
CLIENT_ADAM = ('client.optimizer="adam"', "client.learning_rate=0.001", "client.momentum=0")
GROUPS = ('model.normalization="group"', 'client.state="average"')
# The small version: enough rounds to see the difference.
QUICK = ("train.rounds=6", "train.evaluate_every=6")


@dataclass(frozen=True)
class Case:
    """A run: what is changed in which file, for which seeds, and how often it is tested.

    It is tested once in `every` rounds. `anew` says whether its moving statistics are also taken
    anew once it is trained, and `dealt` whether its file has a `[partition]`.
    """

    changes: tuple[str, ...] = ()
    file: str = "mobilenet.toml"
    every_seed: bool = False
    every: int = 12
    anew: bool = False
    dealt: bool = True

    def experiment(self, seed: int, *changes: str) -> Experiment:
        """The experiment, in which everything that is random follows from this seed."""
        drawn = (f"train.seed={seed}", *[f"partition.seed={seed}"] * self.dealt)
        every = f"train.evaluate_every={self.every}"
        return Experiment.read(FOLDER / self.file, [*self.changes, *drawn, every, *changes])


def core(*changes: str, anew: bool = False) -> Case:
    """A run that the answer rests on: with every seed, and tested often enough for a curve."""
    return Case(changes, every_seed=True, every=2, anew=anew)


def server_adam(rate: float) -> tuple[str, ...]:
    """Adam at the server."""
    return 'server.optimizer="adam"', f"server.learning_rate={rate}"


CASES: Mapping[str, Case] = {
    # What the answer rests on.
    "one place": core(*REPAIRED, *ONE_PLACE, *LONG),
    "repaired": core(*REPAIRED, *LONG),
    "as in TFF": replace(core(anew=True), every=1),
    "shards": core(*REPAIRED, *SHARDS, *LONG, anew=True),
    "fixed statistics, shards": Case(file="shards.toml", every_seed=True, every=30),
    # What else may be done with the statistics.
    "slow statistics": Case(('client.state="average"',), every=2),
    "own statistics": Case(FEDBN),
    "own statistics, shards": Case((*FEDBN, *SHARDS, *LONG), every=18),
    "groups": Case(GROUPS),
    "groups, shards": Case((*GROUPS, *SHARDS, *LONG), every=18),
    # What else is blamed: learning rates,
    "client rate 0.01": Case((*REPAIRED, "client.learning_rate=0.01")),
    "server rate 0.5": Case((*REPAIRED, "server.learning_rate=0.5")),
    "server Adam 1.0": Case((*REPAIRED, *server_adam(1.0))),
    "server Adam 0.01": Case((*REPAIRED, *server_adam(0.01))),
    # the order of examples,
    "sorted": Case(file="sorted.toml", dealt=False),
    "sorted, buffer of 100": Case(("client.shuffle=100",), "sorted.toml", dealt=False),
    # and the network's size.
    "two convolutions": Case(file="small.toml"),
    "one convolution": Case(('model.keras="small_networks:one_convolution"',), "small.toml"),
    "two convolutions, shards": Case(SHARDS, "small.toml"),
    "two convolutions, both Adam": Case((*CLIENT_ADAM, *server_adam(1.0)), "small.toml"),
}
