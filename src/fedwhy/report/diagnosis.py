"""`render_diagnosis`: why a model does not learn, how that was proved and what to change.

The record is a plain dict, as `json.loads` gives it:

- `verdict`: the result in a sentence or two
- `findings`, in order: each `Finding.to_dict()` (`code`, `title`, `severity`, `confidence`,
  `confirmed`, `why`, `evidence`, `prescription` of `what` and `code`, `recovered`), and
  `page`, the Markdown about its code, and `changes` to the experiment file,
  `[{"table", "key", "value"}]`, where the value None takes the key out

These two it must have. What else is absent leaves its part of the page out:

- `name`: of the run
- `probes`: `[{"code", "what", "scores", "base", "after", "error"}]`, the runs with one thing
  changed, where `what` are words that follow "with", `scores` are the run's and `base` those
  without the change, by seed, `after` the codes of what was repaired in both, and `error` what
  the run was refused with
- `baseline_accuracy`, `centralised_accuracy`, `repaired_accuracy`: scores from 0 to 1 of the run
  as it is, of all examples at one place and of the repaired run; `measure` says what they are,
  "accuracy" if it is absent, or "explained variance"
- `seconds` that the diagnosis took
- `history`, `repaired_history`, `central_history`: records of rounds, see `fedwhy.train`
- `partition`: as `FederatedDataset.stats().to_dict()`
- `updates` of one round: `ids`, `norm` `[clients]`, `cosine` `[clients][clients]`
- `settings`: the tables of the experiment file
"""

from fedwhy.report.cards import diagnosis_cards
from fedwhy.report.cosines import cosines_chart
from fedwhy.report.drift import drift_charts
from fedwhy.report.facts import Record, facts
from fedwhy.report.findings import blocks, tried
from fedwhy.report.holdings import labels_chart, sizes_chart
from fedwhy.report.learning import learning_chart
from fedwhy.report.page import page
from fedwhy.report.probes import bars, points, probes_of
from fedwhy.report.recall_rounds import recall_rounds_chart
from fedwhy.report.tables import settings_section
from fedwhy.report.wording import percent


def render_diagnosis(record: Record) -> str:
    """The page of a diagnosis; see the module for the record."""
    probes = probes_of(record)
    return page(
        kind="diagnosis",
        name=record.get("name") or facts(record).dataset,
        headline=record["verdict"],
        cards=diagnosis_cards(record),
        diagnosis={
            "findings": blocks(record),
            "probes": list(zip(probes, bars(probes), strict=True)),
            "tried": tried(probes),
            "percent": percent,
            "points": points,
        },
        charts=[
            learning_chart(record),
            labels_chart(record) or sizes_chart(record),
            recall_rounds_chart(record),
            *drift_charts(record.get("history") or []),
            cosines_chart(record),
        ],
        sections=[settings_section(record)],
    )
