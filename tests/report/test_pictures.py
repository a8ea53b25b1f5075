"""The pictures of a partition: the page and the PNG show what the record says, and stay small."""

import struct
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from test_report import Page

import fedwhy as fw
from fedwhy.errors import ParameterError
from fedwhy.report import render_partition, render_picture
from fedwhy.report.partition import Sizes, sizes_of, skew_of
from fedwhy.report.picture import figure, palette

matplotlib = pytest.importorskip("matplotlib")


def clients_of(clients, classes=10, seed=0, features=3):
    """Clients with labels by a Dirichlet distribution, sizes that vary, and moved features."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 60, clients)
    shares = rng.dirichlet(np.full(classes, 0.3), clients)
    owner = np.repeat(np.arange(clients), sizes)
    y = (rng.random((len(owner), 1)) > np.cumsum(shares, axis=1)[owner]).sum(axis=1)
    x = rng.normal(rng.normal(size=(clients, 1))[owner], size=(len(owner), features))
    y = np.minimum(y, classes - 1)
    return fw.FederatedDataset.from_arrays(x, y, owner, classes=classes, name="made up")


def record_of(clients) -> dict[str, Any]:
    return {"settings": {}, "partition": clients.stats(features=True).to_dict()}


def regression(clients):
    from dataclasses import replace

    return replace(clients, classes=None, y=clients.y * 1.5)


def test_the_page_has_labels_sizes_and_skew():
    page = Page(render_partition(record_of(clients_of(12))))
    assert list(page.charts) == ["labels", "sizes", "skew"]
    assert page.charts["skew"]["traces"][0]["y"] == [
        "labels (Jensen-Shannon)",
        "labels (earth mover's)",
        "feature means",
        "feature variances",
    ]
    for text in ("Effective clients", "Label skew", "examples of made up, held by 12 clients."):
        assert text in page.text


def test_skew_is_drawn_from_the_most_unlike_client_on():
    stats = clients_of(30).stats(features=True)
    trace = Page(render_partition(record_of(clients_of(30)))).charts["skew"]["traces"][0]
    order = [stats.ids.astype(str).tolist().index(id) for id in trace["x"]]
    distance, variances = (
        stats.skew[name][order] for name in ("jensen_shannon_distance", "variance_shift")
    )
    assert trace["customdata"][0] == pytest.approx(distance.tolist(), rel=1e-5)
    assert (np.diff(distance) <= 0).all()
    assert trace["z"][3] == pytest.approx(np.minimum(np.abs(variances), 1).tolist(), rel=1e-5)
    assert (variances < 0).any()


def test_what_is_not_known_of_a_client_is_left_empty():
    record = record_of(clients_of(5))
    record["partition"]["skew"]["variance_shift"]["clients"][2] = None
    trace = Page(render_partition(record)).charts["skew"]["traces"][0]
    assert trace["z"][3][trace["x"].index("2")] is None
    assert figure(record).axes  # Draws, too.


def test_a_page_of_a_regression_shows_targets():
    page = Page(render_partition(record_of(regression(clients_of(12)))))
    assert list(page.charts) == ["sizes", "skew"]
    assert page.charts["skew"]["traces"][0]["y"][0] == "targets (Wasserstein)"


def test_many_clients_make_a_small_page_that_counts_them_all():
    clients = clients_of(20_000)
    record = record_of(clients)
    page = Page(render_partition(record))
    drawn = str(page.charts)
    assert len(drawn) < 200_000
    assert sum(page.charts["sizes"]["traces"][0]["y"]) == 20_000
    assert "a sample of 200 of 20,000 clients" in page.text
    assert f"{len(clients):,} examples of made up, held by 20,000 clients." in page.text
    assert len(render_picture(record)) < 500_000


def test_a_record_of_sizes_alone_is_drawn(record):
    old = {"sizes": [3, 4, 4, 9], "clients": list("abcd")}
    assert sizes_of({"partition": old}) == Sizes([3, 4, 5, 6, 7, 8, 9, 10], [1, 2, 0, 0, 0, 0, 1])
    assert skew_of({"partition": old}) is None
    assert list(Page(render_partition({"settings": {}, "partition": old})).charts) == ["sizes"]
    assert len(figure({"settings": {}, "partition": old}).axes) == 1
    assert "skew" not in Page(render_partition(record)).charts


@pytest.mark.parametrize(
    ("edges", "ticks"),
    [
        ([3, 4, 5], ([0.5, 1.5], ["3", "4"])),
        ([0, 10, 20], ([0, 1, 2], ["0", "10", "20"])),
        (list(range(0, 2500, 100)), ([0, 3, 6, 9, 12, 15, 18, 21, 24], None)),
    ],
)
def test_ticks_of_sizes(edges, ticks):
    places, words = Sizes(edges, [1] * (len(edges) - 1)).ticks()
    assert places == ticks[0]
    assert words == ticks[1] or ticks[1] is None
    assert len(words) == len(places) <= 10


PICTURES = {
    "few": clients_of(12),
    "many": clients_of(100, seed=1),
    "heat map": clients_of(300, classes=62, seed=2),
    "two labels": clients_of(3, classes=2),
    "regression": regression(clients_of(40)),
    "equal sizes": clients_of(20).select([0]),
}


@pytest.mark.parametrize("case", PICTURES)
def test_nothing_in_a_picture_overlaps_or_is_cut(case):
    drawing = figure(record_of(PICTURES[case]))
    whole = drawing.bbox
    titles = [drawing._suptitle, *(part._suptitle for part in drawing.subfigs)]

    def box(text):
        return text.get_window_extent()

    for axes in drawing.axes:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes = [box(text) for text in labels if text.get_text() and text.get_visible()]
            for one, next in pairwise(boxes):
                assert not one.overlaps(next)
        texts = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        texts += [*axes.get_xticklabels(), *axes.get_yticklabels(), *filter(None, titles)]
        for text in texts:
            if text.get_text():
                inside = box(text)
                assert inside.x0 >= 0 and inside.y0 >= 0, text
                assert inside.x1 <= whole.width + 1 and inside.y1 <= whole.height + 1, text
        if legend := axes.get_legend():
            assert not axes.bbox.overlaps(legend.get_window_extent())


def test_axes_say_what_they_show():
    drawing = figure(record_of(clients_of(12)))
    named = {axes.get_title(loc="left") for axes in drawing.axes}
    assert {
        "Who holds which labels",
        "How large clients are",
        "How unlike the population each client is",
    } <= named
    words = [axes.get_xlabel() + axes.get_ylabel() for axes in drawing.axes]
    assert any("share of the client's examples" in each for each in words)
    assert drawing._suptitle.get_text().endswith("examples of made up, held by 12 clients")


def test_bars_are_the_clients_shares():
    record = record_of(clients_of(4, classes=3))
    upper = figure(record).axes[0]
    heights = np.array([[bar.get_height() for bar in bars] for bars in upper.containers])
    counts = np.array(record["partition"]["label_counts"])
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(sorted(heights.T.tolist()), sorted(shares.tolist()))


def test_colours_of_labels_differ_for_colour_blind_readers():
    """Simulated by the matrices of Viénot, Brettel and Mollon 1999, told apart in CIELAB."""
    matrices = {
        "normal": np.eye(3),
        "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    hexes = [palette()[f"label-{k}"] for k in range(10)]
    srgb = np.array([[int(h[i : i + 2], 16) / 255 for i in (1, 3, 5)] for h in hexes])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    for matrix in matrices.values():
        lab = to_lab(np.clip(linear @ np.transpose(matrix), 0, 1))
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
        assert apart[~np.eye(10, dtype=bool)].min() > 10


def to_lab(linear):
    """Linear sRGB `[n, 3]` as CIELAB, white D65."""
    matrix = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    xyz = linear @ np.transpose(matrix) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    light, red_green, blue_yellow = f[:, 1], f[:, 0] - f[:, 1], f[:, 1] - f[:, 2]
    return np.stack([116 * light - 16, 500 * red_green, 200 * blue_yellow], axis=-1)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("who.png", b"\x89PNG"),
        ("who.SVG", b"<?xml"),
        ("who.pdf", b"%PDF"),
        ("who.html", b"<!doctype html>"),
    ],
)
def test_the_format_is_that_of_the_name(tmp_path, name, begins):
    fw.draw_partition(clients_of(5), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_png_is_large_enough_for_print(tmp_path):
    fw.draw_partition(clients_of(5).stats(), str(tmp_path / "who.png"))
    width, height = struct.unpack(">II", (tmp_path / "who.png").read_bytes()[16:24])
    assert width >= 1600 and height >= 900


@pytest.mark.parametrize("format", ["svg", "png"])
def test_the_same_record_gives_the_same_picture(record, format):
    assert render_picture(record, format) == render_picture(record, format)


def test_names_with_dollar_signs_are_plain_text():
    x, y = np.zeros((4, 1)), np.array([0, 1, 0, 1])
    ids = np.array(["a$b$", "$\\frac{$", "c", "d"])
    clients = fw.FederatedDataset.from_arrays(x, y, ids, classes=2, name="$x$_y^")
    assert render_picture(record_of(clients), "svg").count(b"a$b$") >= 1


def test_other_endings_and_other_things_are_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"ends in \.html, \.png, \.svg, \.pdf, given"):
        fw.draw_partition(clients_of(3), tmp_path / "who.jpg")
    with pytest.raises(ParameterError, match="expected a FederatedDataset or its stats"):
        fw.draw_partition([1, 2], tmp_path / "who.png")  # type: ignore[arg-type]


def test_without_matplotlib_the_extra_is_named(monkeypatch, tmp_path):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ParameterError, match=r'pip install "fedwhy\[pictures\]"'):
        fw.draw_partition(clients_of(3), tmp_path / "who.png")
    fw.draw_partition(clients_of(3), tmp_path / "who.html")
