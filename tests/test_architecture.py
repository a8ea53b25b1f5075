"""Imports run downward: no part imports one above it or beside it."""

import ast
from pathlib import Path

import fedwhy

SOURCE = Path(fedwhy.__file__).parent

LEVELS = [
    {"errors"},
    {"cache", "parameters", "recipe"},
    {"federated", "privacy"},
    {"aggregators", "data", "models"},
    {"algorithms", "analytics"},
    {"engine"},
    {"simulation"},
    {"report"},
    {"diagnosis"},
    {"tracking"},
    {"experiment", "output"},
    {"cli"},
]
LEVEL = {part: number for number, parts in enumerate(LEVELS) for part in parts}


def imported_parts(path: Path) -> set[str]:
    """Parts of fedwhy that a file imports, anywhere in it."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            prefix = [f"{node.module}.{a.name}" for a in node.names if node.module == "fedwhy"]
            modules += prefix or [node.module]
        elif isinstance(node, ast.Import):
            modules += [a.name for a in node.names]
    return {m.split(".")[1] for m in modules if m.startswith("fedwhy.")}


def test_imports_run_downward():
    wrong = []
    for path in SOURCE.rglob("*.py"):
        part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if part in ("__init__", "__main__"):
            continue
        wrong += [
            f"{path.relative_to(SOURCE)} imports {other}"
            for other in imported_parts(path) - {part}
            if LEVEL[other] >= LEVEL[part]
        ]
    assert wrong == []


def test_report_knows_plain_records_only():
    files = (SOURCE / "report").rglob("*.py")
    assert set().union(*map(imported_parts, files)) <= {"errors", "report"}


def test_public_names_are_locked():
    assert sorted(fedwhy.__all__) == sorted(
        "IID ByAttribute ByTime Callback Clock Clusters Dataset Diagnosis Dirichlet "
        "DirichletByClass EarlyStop Engine Experiment FederatedDataset FedwhyError "
        "FullGradient LabelsPerClient LocalSGD LognormalQuantity Model Pachinko PerExample "
        "Preparation QuantitySkew Run RunFolder Shards Source afl aggregators analytics apfl "
        "augment cfl diagnose ditto draw_partition ema fedadagrad fedadam fedala fedasync "
        "fedavg fedavgm fedbn fedbuff fedcm feddc feddyn fedexp fedlin fednova fedper fedprox "
        "fedrep fedsgd fedyogi fixbn ifca lg_fedavg load mime mimelite moon partition perfedavg "
        "pfedme prepare privacy qffl rates read recorded samplers scaffold shift shifts swa "
        "train trust".split()
    )
    assert all(hasattr(fedwhy, name) for name in fedwhy.__all__)
