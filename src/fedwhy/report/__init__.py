"""A run as one HTML page that works offline: in one sentence, in numbers and in pictures.

Takes plain Python data, as `fedwhy.tracking.read_record` reads it from a run folder.
"""

from fedwhy.report.draw import draw_partition
from fedwhy.report.page import render, render_comparison, render_partition
from fedwhy.report.picture import render_picture
from fedwhy.report.sentence import sentence

__all__ = [
    "draw_partition",
    "render",
    "render_comparison",
    "render_partition",
    "render_picture",
    "sentence",
]
