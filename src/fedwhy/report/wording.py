"""How numbers, times and names are written on a page."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fedwhy.report.facts import number

ABSENT = "\N{EN DASH}"
NO_TAGS = str.maketrans("<>", "\u2039\u203a")  # angle quotation marks


def metric_value(metric: str, value: Any) -> str:
    """Accuracies with three decimals, anything else with four significant digits."""
    if (finite := number(value)) is None:
        return ABSENT
    return f"{finite:.3f}" if metric.endswith("accuracy") else f"{finite:.4g}"


def percent(value: Any) -> str:
    """A share from 0 to 1 as '10 %' or '96.1 %'."""
    if (finite := number(value)) is None:
        return ABSENT
    tenths = round(100 * finite, 1) + 0.0  # Plus zero: minus zero has no sign.
    return f"{tenths:.1f}".removesuffix(".0") + " %"


def as_sentence(text: str) -> str:
    """Words as a sentence: 'loss rises' becomes 'Loss rises.'; names such as `batch_size` stay."""
    words = text.strip()
    if not words:
        return ""
    first = words.split(maxsplit=1)[0]
    plain = first.islower() and "_" not in first and "`" not in first
    begun = f"{words[0].upper()}{words[1:]}" if plain else words
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def count(value: Any) -> str:
    """12,345."""
    return ABSENT if number(value) is None else f"{int(value):,}"


def duration(seconds: Any) -> str:
    """'20 ms', '3.2 s', '5 min 12 s' or '1 h 4 min'."""
    value = number(seconds)
    if value is None:
        return ABSENT
    if value < 0.9995:
        return f"{value * 1000:.3g} ms"
    if value < 59.95:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def setting(value: Any) -> str:
    """A setting as an experiment file would show it, without quotes and brackets."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value)) or "none"
    return str(value)


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, with dotted keys."""
    flat = {}
    for key, value in settings.items():
        inner = isinstance(value, Mapping)
        flat |= flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def drawable(names: Iterable[Any], longest: int = 40) -> list[str]:
    """Users' names as they may stand in a chart: short, distinct, without Plotly's `<tags>`."""
    seen: Counter[str] = Counter()
    texts = []
    for name in names:
        text = str(name).translate(NO_TAGS)
        text = text if len(text) <= longest else text[: longest - 1] + "…"
        seen[text] += 1
        texts.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return texts


def plural(number: int) -> str:
    """The ending of a word that counts `number` things."""
    return "" if number == 1 else "s"


def listing(words: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
