"""What an experiment file says of its aggregator is what is built."""

import re

import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.aggregators import attacked
from fedwhy.data import changed
from fedwhy.diagnosis.edits.aggregator import pieces
from fedwhy.experiment import catalogue
from fedwhy.experiment.attacking import positions

FILE = """
[train]
rounds = 2
cohort = 5
evaluate_every = 2
devices = 1
lowering = "off"

[model]
name = "softmax"

[aggregator]
chain = ["clip", "bucketing", "trimmed_mean"]
clip.norm = 0.5
bucketing.size = 1

[aggregator.trimmed_mean]
byzantine = 1
"""


def test_chain_is_the_one_that_python_makes(file, tmp_path):
    experiment = fw.Experiment.read(file)
    written = experiment.run(experiment.folder(tmp_path / "run"), progress=False)
    made = fw.aggregators
    chain = made.chain(made.clip(0.5), made.bucketing(1, made.trimmed_mean(byzantine=1)))
    local = fw.LocalSGD(optax.sgd(0.1), epochs=1, batch_size=20)
    same = fw.train(
        fw.fedavg(experiment.model, local).with_aggregator(chain),
        experiment.data.clients,
        rounds=2,
        cohort=5,
        engine=fw.Engine(lanes=1, devices=1, lowering="off"),
        progress=False,
    )
    for ours, theirs in zip(*(r.weights.params.values() for r in (written, same)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert 0 < written.history[1]["clipped"] <= 1


def test_chain_in_a_run_folder_reads_as_it_was(file, tmp_path):
    experiment = fw.Experiment.read(file)
    experiment.run(experiment.folder(tmp_path / "run"), progress=False)
    again = fw.Experiment.read(tmp_path / "run" / "experiment.toml")
    assert again.settings["aggregator"] == experiment.settings["aggregator"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('chain=["krom"]', "--set: aggregator.chain: unknown piece 'krom'; did you mean \"krum\""),
        ("chain=[]", "--set: aggregator.chain: expected the names"),
        ('chain=["clip","clip"]', "'clip' is there twice"),
        ('chain=["clip","median","mean"]', "take one rule"),
        ('chain=["bucketing","clip"]', "'bucketing' comes before a rule"),
        ("clip.norm=-1", "--set: aggregator.clip.norm: expected a finite number > 0"),
        ("clip.nrm=1", '--set: aggregator.clip.nrm: unknown key; did you mean "norm"'),
        ("clip.norm=far", "--set: aggregator.clip.norm: expected a number"),
    ],
)
def test_bad_chain_is_refused_with_its_place(file, change, message):
    with pytest.raises(fw.FedwhyError, match=re.escape(message)):
        _ = fw.Experiment.read(file, [f"aggregator.{change}"]).algorithm


@pytest.mark.parametrize("chain", ['["mean"]', '["clip","mean"]', '["clip"]'])
def test_mean_of_a_chain_is_the_algorithms_own(file, chain):
    changes = ["algorithm.weighting=uniform", f"aggregator.chain={chain}"]
    aggregator = fw.Experiment.read(file, changes).algorithm.aggregator
    mean = next(piece for piece in pieces(aggregator) if piece.name == "mean")
    assert mean.arguments == {"weighting": "uniform"}


def test_mean_takes_no_key_in_a_chain(file):
    changes = ['aggregator.chain=["clip","mean"]', "aggregator.mean.weighting=uniform"]
    with pytest.raises(fw.FedwhyError, match="aggregator.mean.weighting: no key is taken here"):
        _ = fw.Experiment.read(file, changes).tables
    (mean,) = (one for one in catalogue.entries("aggregators") if one["name"] == "mean")
    assert mean["parameters"] == mean["ranges"] == {}


@pytest.mark.parametrize("name", ["fedexp", "qffl", "cfl"])
def test_mean_is_what_an_algorithm_that_needs_its_own_has(file, name):
    plain, named = (
        fw.Experiment.read(file, [f"algorithm.name={name}", f"aggregator.chain={chain}"])
        for chain in ('["mean"]', '["median"]')
    )
    assert plain.algorithm.aggregator.name not in ("mean", "median")
    with pytest.raises(fw.FedwhyError, match=f"aggregator: {name} needs its own"):
        _ = named.algorithm


def test_weighting_of_a_mean_that_another_rule_replaces_is_refused(file):
    with pytest.raises(fw.FedwhyError, match="algorithm.weighting: trimmed_mean takes the place"):
        _ = fw.Experiment.read(file, ["algorithm.weighting=uniform"]).algorithm


def test_algorithm_with_its_own_way_to_aggregate_takes_no_chain(file):
    with pytest.raises(fw.FedwhyError, match=r"my.toml:12: aggregator: cfl needs its own"):
        _ = fw.Experiment.read(file, ["algorithm.name=cfl"]).algorithm


def test_aggregator_may_be_the_users_own(tmp_path):
    (tmp_path / "halving.py").write_text(
        "import jax, fedwhy as fw\n"
        "def last():\n"
        "    take = lambda stack: jax.tree.map(lambda rows: rows[-1] / 2, stack.encoded)\n"
        "    return fw.aggregators.stacked('last', take)\n"
        "def nothing():\n"
        "    return 'median'\n"
    )
    path = tmp_path / "my.toml"
    path.write_text('[aggregator]\npython = "halving:last"\n')
    experiment = fw.Experiment.read(path)
    assert experiment.algorithm.aggregator.name == "last"
    assert experiment.settings["aggregator"] == {"python": "halving:last"}
    with pytest.raises(fw.FedwhyError, match="aggregators.Aggregator, given str"):
        _ = fw.Experiment.read(path, ["aggregator.python=halving:nothing"]).algorithm
    assert fw.Experiment.read(path, ['aggregator.chain=["median"]']).algorithm.aggregator.stacks
    path.write_text('[aggregator]\npython = "halving:last"\nchain = ["median"]\n')
    with pytest.raises(fw.FedwhyError, match="give either aggregator.chain or aggregator.python"):
        _ = fw.Experiment.read(path).algorithm


def test_every_piece_is_listed_with_its_paper():
    for entry in catalogue.entries("aggregators"):
        assert entry["summary"], entry["name"]
        assert entry["source"] or entry["name"] == "mean", entry["name"]


ATTACK = """
[attack]
clients = 0.1
factor = 3.0
"""


def test_attackers_of_a_file_are_those_that_python_makes(file):
    file.write_text(FILE + ATTACK)
    experiment = fw.Experiment.read(file)
    recipe = experiment.algorithm.aggregator.recipe
    assert recipe.function is attacked
    clients = recipe.arguments["clients"]
    assert clients == positions(0.1, 50, seed=0)
    assert len(clients) == 5 < len({*clients, *positions(0.1, 50, seed=1)})
    again = fw.Experiment.read(file, ["attack.clients=[4, 49]"]).algorithm.aggregator.recipe
    assert again.arguments["clients"] == (4, 49)
    everybody = fw.Experiment.read(file, ["train.cohort=50"]).setup
    assert everybody.train(1, 0, progress=False).history[1]["attacks"] == 5


def test_attackers_leave_out_what_honest_clients_keep(file):
    file.write_text(FILE + ATTACK)
    changes = ['aggregator.chain=["momentum", "clip", "trimmed_mean"]', "attack.name=alie"]
    changes += ["attack.factor=1"]
    with pytest.raises(fw.FedwhyError, match="attack.factor: unknown key"):
        _ = fw.Experiment.read(file, changes).algorithm
    file.write_text(FILE + ATTACK.replace("factor = 3.0", ""))
    algorithm = fw.Experiment.read(file, changes[:2]).algorithm
    momentum, rest = algorithm.aggregator.recipe.arguments["pieces"]
    assert momentum.name == "momentum" and rest.name == "clip, trimmed_mean under alie"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("clients=5", "--set: attack.clients: expected positions, such as [0] or [0, 3], or a"),
        ("clients=1", "above 0 and below 1, given 1"),
        ("clients=some", "--set: attack.clients: expected a list or a number, given 'some'"),
        ("clients=[]", "--set: attack.clients: expected the positions of one or more"),
        ("clients=[3, 50]", "--set: attack.clients: expected at most 49, given 50"),
        ("clients=[3, 3]", "--set: attack.clients: expected the positions of one or more"),
        ("name=aile", "unknown value 'aile'; did you mean \"alie\"?"),
        ("factor=-1", "--set: attack.factor: expected a finite number > 0"),
    ],
)
def test_bad_attack_is_refused_with_its_place(file, change, message):
    file.write_text(FILE + ATTACK)
    with pytest.raises(fw.FedwhyError, match=re.escape(message)):
        _ = fw.Experiment.read(file, [f"attack.{change}"]).algorithm


def test_algorithm_that_needs_its_own_aggregator_can_be_attacked(file):
    file.write_text(ATTACK)
    aggregator = fw.Experiment.read(file, ["algorithm.name=qffl"]).algorithm.aggregator
    assert aggregator.name == "qffl under sign_flip"
    message = f"{file}:2: attack: ifca has a model for each cluster"
    changes = ["algorithm.name=ifca", "attack.name=alie"]
    with pytest.raises(fw.FedwhyError, match=re.escape(message)):
        file.write_text(ATTACK.replace("factor = 3.0", ""))
        _ = fw.Experiment.read(file, changes).algorithm


def test_chain_without_a_meaning_is_blamed_also_under_attack(file):
    file.write_text(FILE + ATTACK)
    with pytest.raises(fw.FedwhyError, match="aggregator.chain: .*noise"):
        _ = fw.Experiment.read(file, ['aggregator.chain=["noise", "clip"]']).algorithm


def test_poisoned_examples_are_those_of_the_attackers(file):
    file.write_text(FILE + ATTACK + '\n[shift]\nname = "label_flip"\nclients = 0.1\n')
    experiment = fw.Experiment.read(file)
    honest = fw.Experiment.read(file, ["shift.clients=[0]"]).data.clients
    attackers = experiment.algorithm.aggregator.recipe.arguments["clients"]
    wrong = changed(experiment.data.clients, honest)
    assert set(experiment.data.clients.owner[wrong]) - {0} == set(attackers) - {0}


def test_what_the_server_sends_is_smaller_as_the_file_says(file):
    file.write_text(FILE + '\n[broadcast]\nchain = ["quantize"]\nquantize.bits = 4\n')
    compressed = fw.Experiment.read(file).setup.train(2, 0, progress=False)
    file.write_text(FILE)
    whole = fw.Experiment.read(file).setup.train(2, 0, progress=False)
    sent, all_of_it = (run.history[-1]["bytes_down"] for run in (compressed, whole))
    assert all_of_it / 8 < sent < all_of_it / 7


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ('["clip", "quantize"]', "--set: broadcast.chain: expected one piece that compresses"),
        ('["median"]', "--set: broadcast.chain: expected one piece that compresses"),
        ('["clip"]', "--set: broadcast.chain: expected what compresses"),
        ('[["quantize"]]', "broadcast.chain: unknown piece ['quantize']"),
        ('["rotated"]', "'rotated' comes before compression, such as quantize, given nothing"),
        ('["quantise"]', "unknown piece 'quantise'; did you mean \"quantize\""),
    ],
)
def test_bad_broadcast_is_refused_with_its_place(file, chain, message):
    with pytest.raises(fw.FedwhyError, match=re.escape(message)):
        _ = fw.Experiment.read(file, [f"broadcast.chain={chain}"]).algorithm
