"""A run, or its diagnosis, as one HTML page that works offline: in words, numbers and pictures.

Takes plain Python data, as `fedwhy.tracking.read_record` reads it from a run folder.
"""

from fedwhy.report.diagnosis import render_diagnosis
from fedwhy.report.draw import draw_partition
from fedwhy.report.page import render, render_comparison, render_partition
from fedwhy.report.picture import render_picture
from fedwhy.report.sentence import sentence

__all__ = [
    "draw_partition",
    "render",
    "render_comparison",
    "render_diagnosis",
    "render_partition",
    "render_picture",
    "sentence",
]
