"""Accuracy curves of several presets, and histograms of what units keep."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

import circuitgraph as cg
from circuitgraph.errors import DataError, StructureError, UnknownNameError
from circuitgraph.pictures import accuracy_curves, memory
from circuitgraph.pictures.curves import spread_apart


def line(preset: str, test: float | None, *, seed: int = 0, top: float = 80.0, **more: Any) -> dict[str, Any]:
    curve = [{"epoch": e, "validation": top - 20 / e} for e in (1, 2, 4)] + [{"epoch": 5, "loss": 0.1}]
    return {"preset": preset, "seed": seed, "curve": curve, "test_accuracy": test} | more


def stars(ax: Any) -> list[tuple[float, float]]:
    return [tuple(a.get_xydata()[0].tolist()) for a in ax.lines if a.get_marker() == "*"]


def test_presets_are_labelled_from_best_to_worst_with_spread_and_what_was_published() -> None:
    lines = [
        line("low", 60.0, published=59.5),
        line("top", 80.0),
        line("top", 82.0, seed=1),
        line("mid", None, top=75.0),
    ]
    ax = accuracy_curves(lines)
    assert [t.get_text() for t in ax.texts] == [
        "top: 81.00 ± 1.41", "mid: validation 70.00", "low: 60.00 (published 59.5)",
    ]  # fmt: skip
    assert stars(ax) == [(4.0, 81.0), (4.0, 60.0)]


def test_a_curve_is_the_mean_over_seeds_and_a_band_spans_them() -> None:
    ax = accuracy_curves([line("a", 70.0, top=80.0), line("a", 70.0, seed=1, top=84.0)])
    curve = next(a for a in ax.lines if a.get_label() == "a")
    assert curve.get_xydata().tolist() == [[1, 62], [2, 72], [4, 77]]
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (corners.min(), corners.max()) == (60.0, 79.0)


def test_a_shorter_curve_is_led_to_its_star_at_the_last_epoch_of_all() -> None:
    short = {"preset": "short", "curve": [{"epoch": 2, "validation": 50.0}], "test_accuracy": 55.0}
    ax = accuracy_curves([line("long", 70.0), short])
    assert stars(ax) == [(4.0, 70.0), (4.0, 55.0)]
    assert [[2.0, 50.0], [4.0, 55.0]] in [a.get_xydata().tolist() for a in ax.lines]


def test_the_last_line_of_a_seed_counts_and_data_sets_are_told_apart() -> None:
    lines = [line("a", 10.0, dataset="x"), line("a", 70.0, dataset="x"), line("a", 50.0, dataset="y")]
    assert [t.get_text() for t in accuracy_curves(lines).texts] == ["x a: 70.00", "y a: 50.00"]


def test_fifteen_labels_do_not_overlap_and_no_two_lines_look_alike() -> None:
    ax = accuracy_curves([line(f"preset {i}", 70.0 + 0.01 * i, top=80 + 0.01 * i) for i in range(15)])
    figure = ax.get_figure()
    assert figure is not None
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(t) for t in ax.texts]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes))
    looks = {(a.get_color(), a.get_linestyle()) for a in ax.lines if a.get_label().startswith("preset")}
    assert len(looks) == 15


def test_nothing_to_draw_is_refused() -> None:
    for lines in ([], [{"preset": "a"}], [{"preset": "a", "curve": [{"epoch": 1, "loss": 2.0}]}]):
        with pytest.raises(DataError, match="no line with an accuracy"):
            accuracy_curves(lines)


def test_places_keep_their_order_and_gap_and_stay_where_there_is_room() -> None:
    at = np.array([0.9, 0.62, 0.6, 0.6, 0.1])
    found = spread_apart(at, 0.1)
    assert (np.diff(found) <= -0.1 + 1e-12).all()
    assert (found[0], found[-1]) == (0.9, pytest.approx(0.1))
    assert found[1:4].mean() == pytest.approx(at[1:4].mean())


def test_memory_shows_thresholds_and_what_rules_remember_but_no_running_statistics() -> None:
    c = cg.Circuit().add("x", 4, cg.BatchNorm()).connect("x", "y", cg.Dense(), units=3, neuron=cg.Homeostatic(0.1))
    c = c.replace_population("x", memory={"mean": np.ones(4), "variance": np.ones(4)})
    kept = {"threshold": np.array([0.5, 0.5, 2.0]), "x->y mean": np.array([1.0, np.nan, 3.0])}
    found = memory(c.replace_population("y", memory=kept))
    assert [ax.get_xlabel() for ax in found] == ["threshold", "mean"]
    assert [ax.get_title() for ax in found] == [
        "y: threshold\nmean 1, sd 0.707", "y: x->y mean\nmean 2, sd 1, 1 not finite",
    ]  # fmt: skip
    heights = [bar.get_height() for bar in found[0].patches]
    assert (heights[0], heights[-1], sum(heights)) == (2, 1, 3)
    assert found[0].patches[0].get_x() == 0.5


def test_memory_of_those_that_keep_nothing_is_refused() -> None:
    c = cg.Circuit().add("x", 2, cg.BatchNorm())
    with pytest.raises(StructureError, match="keep nothing"):
        memory(c)
    with pytest.raises(UnknownNameError, match="no population"):
        memory(c, "y")
