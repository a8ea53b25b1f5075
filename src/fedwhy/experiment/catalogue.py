"""What an experiment file may name: algorithms, models, datasets, partitions, samplers, ..."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from fedwhy.aggregators import ATTACKS, LINKS, RULES, WEIGHTINGS, WRAPPERS
from fedwhy.algorithms import ALGORITHMS, AVERAGES, CATALOGUE, SERVER_OPTIMIZERS
from fedwhy.data import PARTITIONS, SHIFTS, SOURCES
from fedwhy.experiment import costs, tables
from fedwhy.experiment.file import Table
from fedwhy.experiment.pieces import keywords_of
from fedwhy.models import ZOO
from fedwhy.parameters import Range, ranges
from fedwhy.simulation.samplers import PATTERNS, SAMPLERS


def entries(kind: str) -> list[dict[str, Any]]:
    """All algorithms, models, datasets, ... as plain dicts; see `fedwhy list --help` for kinds.

    Each has `name`, `summary` and `parameters`: the keys of an experiment file that belong to it,
    with their defaults. The others differ by kind.
    """
    return {
        "algorithms": algorithms,
        "aggregators": aggregators,
        "attacks": attacks,
        "models": models,
        "datasets": datasets,
        "partitions": partitions,
        "shifts": shifts,
        "samplers": samplers,
        "availabilities": availabilities,
    }[kind]()


def algorithms() -> list[dict[str, Any]]:
    """The algorithms, each with its paper, what it remedies and what it costs, see `costs`.

    `ranges` tells what each parameter may be, as text.
    """
    measured = costs.measured()
    return [
        {
            "name": name,
            "summary": first_paragraph(entry.build),
            "source": paper(entry.build),
            "remedies": entry.remedies,
            "parameters": keys("algorithm", tables.algorithm_table(name))
            | keys("server", tables.server_table(name, "sgd")),
            "ranges": ranges_of(name),
            "keeps": entry.keeps,
            **measured[name]._asdict(),
        }
        for name, entry in ((entry.build.__name__, entry) for entry in CATALOGUE)
    ]


def ranges_of(name: str) -> dict[str, str]:
    """What the keys of an algorithm may be: `{"algorithm.mu": ">= 0"}`."""
    own = ranges(ALGORITHMS[name])
    found = {
        f"{'server' if key in tables.SERVER_KEYS else 'algorithm'}.{key}": allowed
        for key, allowed in own.items()
    }
    if "weighting" in tables.algorithm_table(name).model_fields:
        found["algorithm.weighting"] = (*WEIGHTINGS, "capped")
        found["algorithm.cap"] = Range(above=0)
    if tables.takes_server(name):
        found |= {f"server.{key}": a for key, a in ranges(SERVER_OPTIMIZERS["sgd"]).items()}
        found["server.optimizer"] = tuple(SERVER_OPTIMIZERS)
    found["server.averaging"] = tuple(AVERAGES)
    return {key: in_words(allowed) for key, allowed in found.items()}


def in_words(allowed: Range | tuple[Any, ...]) -> str:
    """A range, or the values to choose from, as text."""
    return str(allowed) if isinstance(allowed, Range) else ", ".join(map(str, allowed))


def aggregators() -> list[dict[str, Any]]:
    """The pieces of an aggregator's chain, each with its paper and what it is.

    A `"link"` changes messages, a `"rule"` makes one aggregate of them and comes last, and a
    `"wrapper"` changes the piece behind it. `ranges` tells what each parameter may be, as text.
    """
    kinds = {"link": LINKS, "wrapper": WRAPPERS, "rule": RULES}
    return [
        {"name": name, "kind": kind, **piece(name, build)}
        for kind, pieces in kinds.items()
        for name, build in pieces.items()
    ]


def piece(name: str, build: Callable[..., Any]) -> dict[str, Any]:
    """What is told of a piece of an aggregator's chain beside its name and kind."""
    defaults = {key: default for key, (_, default) in keywords_of(name).items()}
    allowed = {key: within for key, within in ranges(build).items() if key in defaults}
    return {
        "summary": first_paragraph(build),
        "parameters": {
            f"aggregator.{name}.{key}": None if default is ... else default
            for key, default in defaults.items()
        },
        "ranges": {f"aggregator.{name}.{key}": in_words(each) for key, each in allowed.items()},
        "source": paper(build),
    }


def attacks() -> list[dict[str, Any]]:
    """The attacks on what clients send, each with its paper."""
    return schemes("attack", ATTACKS, tables.attack_table)


def models() -> list[dict[str, Any]]:
    """The zoo, each model with its paper."""
    return [
        {
            "name": name,
            "summary": model.summary,
            "parameters": keys("model", tables.zoo_table(name)),
            "source": model.source,
        }
        for name, model in ZOO.items()
    ]


def datasets() -> list[dict[str, Any]]:
    """The datasets, each with its shape, licence, citation, and files with their digests."""
    return [
        {
            "name": name,
            "parameters": keys("data", tables.NamedData),
            "summary": source.summary,
            "task": source.task,
            "classes": source.classes,
            "shape": source.shape,
            "licence": source.licence,
            "citation": source.citation,
            "clients": {by: way.clients for by, way in source.variants.items() if by},
            "files": [
                {"path": file.path, "digest": file.digest, "urls": file.urls}
                for way in source.variants.values()
                for file in way.files
            ],
        }
        for name, source in SOURCES.items()
    ]


def partitions() -> list[dict[str, Any]]:
    """The partition schemes, each with its paper."""
    return schemes("partition", PARTITIONS, tables.partition_table)


def shifts() -> list[dict[str, Any]]:
    """The shifts of clients' examples, each with its paper."""
    return schemes("shift", SHIFTS, tables.shift_table)


def samplers() -> list[dict[str, Any]]:
    """The samplers of clients, each with its paper."""
    return schemes("sampler", SAMPLERS, tables.sampler_table)


def availabilities() -> list[dict[str, Any]]:
    """The patterns of clients' availability, each with its paper."""
    return schemes("availability", PATTERNS, tables.availability_table)


def schemes(
    table: str, named: Mapping[str, Callable[..., Any]], table_of: Callable[[str], type[Table]]
) -> list[dict[str, Any]]:
    """Dataclasses and functions by name, whose arguments are the keys of `table`."""
    return [
        {
            "name": name,
            "summary": first_paragraph(scheme),
            "parameters": keys(table, table_of(name)),
            "source": paper(scheme),
        }
        for name, scheme in named.items()
    ]


def keys(table: str, schema: type[Table]) -> dict[str, Any]:
    """`{"table.key": default}` of a table, without its name; None where there is no default."""
    return {
        f"{table}.{key}": None if field.is_required() else field.default
        for key, field in schema.model_fields.items()
        if key != "name"
    }


def first_paragraph(function: Callable[..., Any]) -> str:
    """The summary line of a docstring."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())


def paper(function: Callable[..., Any]) -> str:
    """The second paragraph of the module's docstring, which names the paper."""
    parts = (inspect.getdoc(inspect.getmodule(function)) or "").split("\n\n")
    return " ".join(parts[1].split()) if len(parts) > 1 else ""
