"""The `fedwhy` command: parses arguments, calls the library, prints."""

import logging
import sys
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown

from fedwhy.diagnosis import diagnose_setup, record_of
from fedwhy.diagnosis.catalogue import CAUSES, cause_of
from fedwhy.diagnosis.terminal import for_terminal
from fedwhy.engine.processes import join, launch, launched, leads
from fedwhy.errors import FedwhyError, ParameterError
from fedwhy.experiment import Experiment, catalogue
from fedwhy.experiment.fixing import fixed_path, fixed_run
from fedwhy.output import checked_page, only_json, print_json, print_table
from fedwhy.privacy import default_delta, plan
from fedwhy.report import (
    render,
    render_comparison,
    render_diagnosis,
    render_partition,
    render_picture,
    sentence,
)
from fedwhy.report.wording import percent
from fedwhy.simulation.files import replace_file
from fedwhy.tracking import read_record

app = typer.Typer(
    help="Federated learning on JAX that tells you why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Change one setting; may be repeated."),
]
# What `fedwhy privacy` tells to take. Without any part of it another epsilon is spent.
TAKE = """\
Take all of this, in Python:

  private_mean(noise_multiplier={noise}, cohort={cohort}, delta={delta!r})
  fw.train(..., rounds={rounds}, cohort={cohort}, sampler=fw.samplers.Poisson())

or in an experiment file:

  [train]
  rounds = {rounds}
  cohort = {cohort}

  [sampler]
  name = "poisson"

  [aggregator]
  chain = ["private_mean"]
  private_mean.noise_multiplier = {noise}
  private_mean.cohort = {cohort}
  private_mean.delta = {delta!r}

The noise is for Poisson sampling: with Uniform(), the default, it would hide clients less."""

AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
File = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE.toml]", help="Experiment file; the embedded one if left out."),
]


@app.command()
def run(
    file: File = None,
    changes: Set = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; new and empty.")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    processes: Annotated[
        int, typer.Option(help="Share the run among so many processes of this machine.", min=1)
    ] = 1,
    cluster: Annotated[
        bool, typer.Option(help="Share the run with the processes that Slurm or MPI has started.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run also what preflight finds to be useless.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run an experiment; write a run folder with a report."""
    if resume and (file or out):
        raise ParameterError("--resume", "takes no FILE and no --out: the run folder holds both")
    if processes > 1 and not launched():
        command = [sys.executable, "-m", "fedwhy", *sys.argv[1:]]
        raise typer.Exit(launch(command, processes))
    if processes > 1 or cluster:
        join()
    path = resume / "experiment.toml" if resume else file
    with only_json(as_json):
        experiment = Experiment.read(path, changes or [])
        run_folder = experiment.folder(resume or out)
        preflight = not (force or resume)
        result = experiment.run(run_folder, resume=resume is not None, preflight=preflight)
    if not leads():
        return
    folder = run_folder.path
    report, record = folder / "report.html", read_record(folder)
    if as_json:
        tuned = {"fine_tuning": record["fine_tuning"]}
        print_json({"run": str(folder), "report": str(report), **result.summary(), **tuned})
    else:
        print(sentence(record))
        print(f"Report: {report.resolve()}")
    if result.interrupted:
        print(f"Interrupted; go on with: fedwhy run --resume {folder}", file=sys.stderr)
        raise typer.Exit(130)
    if result.diverged:
        print(f"Diverged: {result.stopped}", file=sys.stderr)
        raise typer.Exit(1)


class Probes(StrEnum):
    """Whether a diagnosis may train."""

    all = "all"
    none = "none"


@app.command()
def diagnose(
    file: File = None,
    changes: Set = None,
    probes: Annotated[
        Probes, typer.Option(help="Prove causes by short runs, or look without training.")
    ] = Probes.all,
    budget: Annotated[float, typer.Option(help="Seconds for the runs.")] = 120.0,
    rounds: Annotated[
        int | None, typer.Option(help="Rounds of each run [as many as the budget allows].", min=1)
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write FILE.fixed.toml, run it, and compare.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("diagnosis.html"),
    as_json: AsJson = False,
) -> None:
    """Say why an experiment does not learn, prove it, and what to change."""
    checked_page(out)
    if fix and probes is Probes.none:
        raise ParameterError("--fix", "needs probes: only what they prove is repaired")
    with only_json(as_json):
        experiment = Experiment.read(file, changes or [])
        diagnosis = diagnose_setup(
            experiment.setup, probes=probes is Probes.all, budget=budget, rounds=rounds
        )
        record = record_of(diagnosis, name=str(file or "default.toml"))
        replace_file(out, render_diagnosis(record))
        if not as_json:
            Console().print(for_terminal(record))
        if fix and diagnosis.repairs:
            record["fixed"] = fixed_run(experiment, diagnosis.repairs, fixed_path(file))
    if as_json:
        print_json({**record, "report": str(out)})
        return
    if fix:
        print(said_of_fix(record.get("fixed")))
    print(f"Report: {out.resolve()}")


def said_of_fix(fixed: dict[str, Any] | None) -> str:
    """What came of `--fix`, in a line or two."""
    if fixed is None:
        return "Nothing was proved that a change could repair, so no file was written."
    by_hand = "".join(f"\nBy hand: {edit['what']}. {edit['code']}" for edit in fixed["by_hand"])
    if fixed["file"] is None:
        return f"What is proved is not in the experiment file, so none was written.{by_hand}"
    before, after = (percent(fixed[f"accuracy_{when}"]) for when in ("before", "after"))
    return f"{fixed['file']}, run for all of its rounds: {before} became {after}.{by_hand}"


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path | None, typer.Option(help="Page to write [RUN/report.html].")] = None,
) -> None:
    """Write the report page of a run folder anew."""
    record = read_record(run)
    page = checked_page(out or run / "report.html")
    replace_file(page, render(record))
    print(sentence(record))
    print(f"Report: {page.resolve()}")


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.")],
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("comparison.html"),
    as_json: AsJson = False,
) -> None:
    """Show runs side by side: their numbers here, their curves on a page."""
    records = [read_record(run) for run in runs]
    replace_file(checked_page(out), render_comparison(records))
    if as_json:
        rows = [{"run": str(run), **r["summary"]} for run, r in zip(runs, records, strict=True)]
        print_json({"runs": rows, "report": str(out)})
        return
    columns = ("algorithm", "rounds", "test_accuracy", "best_test_accuracy", "seconds_per_round")
    rows = [[r["name"], *(r["summary"].get(c) for c in columns)] for r in records]
    print_table(("run", *columns), rows)
    print(f"Curves: {out.resolve()}")


@app.command()
def partition(
    file: File = None,
    changes: Set = None,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("partition.html"),
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE.png", help="Picture to write, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who holds which examples and labels in an experiment."""
    checked_page(out)
    if png and checked_page(png, "--png").suffix.lower() != ".png":
        raise ParameterError("--png", f"expected a name that ends in .png, given {str(png)!r}")
    with only_json(as_json):
        experiment = Experiment.read(file, changes or [])
        clients = experiment.data.clients
    stats = clients.stats(features=True)
    table = stats.to_dict()
    record = {"name": clients.name, "settings": experiment.settings, "partition": table}
    replace_file(out, render_partition(record))
    if png:
        replace_file(png, render_picture(record))
    if as_json:
        print_json({**table, "report": str(out), **({"picture": str(png)} if png else {})})
    else:
        print(stats)
        print(f"Page: {out.resolve()}")
        if png:
            print(f"Picture: {png.resolve()}")


@app.command()
def privacy(
    population: Annotated[int, typer.Option(help="Clients in all.")],
    cohort: Annotated[int, typer.Option(help="Clients a round, on average.")],
    rounds: Annotated[int, typer.Option(help="Rounds of training.")],
    epsilon: Annotated[float, typer.Option(help="The guarantee to keep.")],
    delta: Annotated[
        float | None, typer.Option(help="The guarantee's delta [population^-1.1].")
    ] = None,
    parameters: Annotated[int, typer.Option(help="Parameters of the model.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Plan differential privacy: the noise that a guarantee needs, and what other cohorts give.

    It is planned for Poisson sampling. Noise is in multiples of the clipping norm; signal-to-noise
    is a round's at best, of a model of so many parameters.
    """
    plans = plan(
        population=population,
        cohort=cohort,
        rounds=rounds,
        epsilon=epsilon,
        delta=delta,
        parameters=parameters,
    )
    planned, *others = (each._asdict() for each in plans)
    delta = default_delta(population) if delta is None else delta
    if as_json:
        known = {"sampler": "poisson", "delta": delta, "parameters": parameters}
        print_json({**planned, **known, "others": others})
        return
    rows = sorted(list(each.values()) for each in (planned, *others))
    print_table(tuple(name.replace("_", " ") for name in planned), rows)
    print(f"Signal to noise is that of {parameters:,} parameters (--parameters).\n")
    # Rounded up: less would not keep the guarantee.
    noise = Decimal(planned["noise_multiplier"]).quantize(Decimal("1e-5"), ROUND_CEILING)
    print(TAKE.format(noise=noise, cohort=cohort, rounds=rounds, delta=delta))


class Kind(StrEnum):
    """What can be listed."""

    algorithms = "algorithms"
    aggregators = "aggregators"
    attacks = "attacks"
    models = "models"
    datasets = "datasets"
    partitions = "partitions"
    shifts = "shifts"
    samplers = "samplers"
    availabilities = "availabilities"


@app.command(name="list")
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List what an experiment file may name.

    What algorithms keep at a client and send beyond FedAvg is in multiples of the model's bytes.
    """
    entries = catalogue.entries(kind.value)
    if as_json:
        print_json({kind.value: entries})
        return
    header = ("name", "summary", "keys")
    if kind is Kind.algorithms:
        header = ("name", "remedies", "keys", "keeps", "kept", "extra_down", "extra_up")
    rows = [{**entry, "keys": ", ".join(entry["parameters"])} for entry in entries]
    print_table(header, [[row[column] for column in header] for row in rows])


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="Such as FW106; all, if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a finding by its code: what it is, how it looks, what to do."""
    if code is None:
        causes = [{"code": cause.code, "title": cause.title} for cause in CAUSES.values()]
        if as_json:
            print_json({"causes": causes})
        else:
            print_table(("code", "title"), [list(cause.values()) for cause in causes])
        return
    cause = cause_of(code)
    if as_json:
        print_json({"code": cause.code, "title": cause.title, "page": cause.page})
    else:
        Console().print(Markdown(cause.page))


def main() -> None:
    """Entry point: user errors become one message and exit status 2."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        app()
    except FedwhyError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
