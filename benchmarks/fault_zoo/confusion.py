"""The confusion matrix as a picture: planted causes down, first findings across."""

from collections import Counter
from collections.abc import Sequence
from html import escape

CELL, LEFT, TOP = 11, 56, 60
RIGHT, WRONG = "#4c78a8", "#e4572e"


def draw(said: Sequence[tuple[str, str]]) -> str:
    """An SVG of pairs of a planted cause and the one that was named first (or "none").

    The opacity of a cell is the share of the instances of its row.
    """
    rows = sorted({planted for planted, _ in said})
    columns = sorted({*rows, *(named for _, named in said)})  # "none" comes last.
    counts, totals = Counter(said), Counter(planted for planted, _ in said)
    width, height = LEFT + CELL * len(columns) + 8, TOP + CELL * len(rows) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'style="font: 9px system-ui, sans-serif; background: #fff">',
        f'<text x="{LEFT}" y="12" font-size="11">planted (down) and named first (across)</text>',
    ]
    for number, code in enumerate(columns):
        x = LEFT + CELL * number + CELL - 3
        place = f'x="{x}" y="{TOP - 4}" transform="rotate(-90 {x} {TOP - 4})"'
        parts.append(f"<text {place}>{escape(code)}</text>")
    for number, planted in enumerate(rows):
        y = TOP + CELL * number
        parts.append(
            f'<text x="{LEFT - 4}" y="{y + CELL - 2}" text-anchor="end">{escape(planted)}</text>'
        )
        parts.append(f'<path d="M{LEFT} {y + CELL}h{CELL * len(columns)}" stroke="#eee"/>')
        for place, named in enumerate(columns):
            if count := counts[planted, named]:
                colour = RIGHT if planted == named else WRONG
                what = f"{planted} named {named}: {count} of {totals[planted]}"
                parts.append(
                    f'<rect x="{LEFT + CELL * place}" y="{y}" width="{CELL - 1}" '
                    f'height="{CELL - 1}" fill="{colour}" '
                    f'opacity="{0.15 + 0.85 * count / totals[planted]:.2f}">'
                    f"<title>{escape(what)}</title></rect>"
                )
    return "\n".join([*parts, "</svg>"]) + "\n"
