"""What pictures of structure show: boxes, arrows, counts, pixels, curves."""

import numpy as np
import pytest
import scipy.sparse as sp
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import circuitgraph as cg
from circuitgraph.communities import Partition
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.pictures import adjacency, degrees, diagram, weights
from circuitgraph.pictures.adjacency import blocks_of
from circuitgraph.pictures.distributions import histogram, survival
from circuitgraph.pictures.links import bezier
from circuitgraph.pictures.place import depths, place
from circuitgraph.pictures.source import effect_of, wiring_of
from circuitgraph.pictures.style import EXCITES, INHIBITS, MIXED, amount


def conv_net() -> cg.Circuit:
    c = cg.Circuit().add("image", (3, 8, 8)).connect("image", "l1", cg.Conv(3, padding=1), units=4, neuron=cg.ReLU())
    return c.connect("l1", "p1", cg.Pool(2)).connect("p1", "out", cg.Dense(), units=5)


def loop_net() -> cg.Circuit:
    c = cg.Circuit().add("x", 4).connect("x", "h", cg.Dense(), units=3, weight=1.0)
    c = c.connect("h", "y", cg.Dense(), units=2, weight=-1.0)
    c = c.connect("h", "h", cg.Dense(), delay=1, weight=[1.0, -1.0, 1.0] * 3)
    return c.connect("y", "h", cg.Dense(), delay=2, weight=1.0)


def test_a_diagram_has_a_box_for_each_population_and_an_arrow_for_each_projection() -> None:
    c = conv_net()
    ax = diagram(c)
    boxes = {p.get_gid() for p in ax.patches if isinstance(p, FancyBboxPatch)}
    arrows = {p.get_gid() for p in ax.patches if isinstance(p, FancyArrowPatch)}
    assert boxes == {"image", "l1", "p1", "out"}
    assert arrows == {p.name for p in c.projections}


def test_a_diagram_says_counts_of_units_slots_and_synapses() -> None:
    said = [t.get_text() for t in diagram(conv_net()).texts]
    assert "3 units at 8×8" in said
    n = cg.Conv(3, padding=1).n_synapses((3, 8, 8), (4, 8, 8))
    assert f"108 slots, {n:,} synapses" in said
    assert "320 slots" in said


def test_inhibition_is_vermilion_excitation_blue_and_both_grey() -> None:
    c = loop_net()
    colors = {p.get_gid(): to_hex(p.get_edgecolor()) for p in diagram(c).patches if isinstance(p, FancyArrowPatch)}
    assert colors == {"x->h": EXCITES, "h->y": INHIBITS, "h->h": MIXED, "y->h": EXCITES}


def test_a_shunt_inhibits_whatever_its_weights_are() -> None:
    c = cg.Inhibit("y").apply(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))[0]
    assert effect_of(c.projection("y_inhibitor->y_inhibited")) == "inhibits"
    frames = {p.get_gid(): to_hex(p.get_edgecolor()) for p in diagram(c).patches if isinstance(p, FancyBboxPatch)}
    assert frames["y_inhibitor"] == INHIBITS
    assert frames["y"] != INHIBITS


def test_delayed_arrows_are_dashed_and_say_their_delay() -> None:
    ax = diagram(loop_net())
    styles = {p.get_gid(): p.get_linestyle() for p in ax.patches if isinstance(p, FancyArrowPatch)}
    assert styles["x->h"] in ("-", "solid")
    assert styles["y->h"] not in ("-", "solid")
    assert any("delay 2" in t.get_text() for t in ax.texts)


def test_names_that_look_like_formulas_are_shown_as_they_are() -> None:
    c = cg.Circuit().add("$\\bad{", 2).connect("$\\bad{", "_y", cg.Dense(), units=1)
    for ax in (diagram(c), adjacency(c), weights(c)[0]):
        ax.figure.canvas.draw()
    assert "$\\bad{" in [t.get_text() for t in diagram(c).texts]


def test_depth_is_the_longest_way_and_loops_do_not_count() -> None:
    c = loop_net().connect("x", "y", cg.Dense(), name="skip")
    assert depths(c) == {"x": 0, "h": 1, "y": 2}


def test_depth_follows_delayed_chains_too() -> None:
    c = cg.Circuit().add("x", 2).connect("x", "h", cg.Dense(), units=2, delay=1)
    c = c.connect("h", "x", cg.Dense(), delay=1).connect("h", "y", cg.Dense(), units=1, delay=1)
    assert depths(c) == {"x": 0, "h": 1, "y": 2}


def test_no_two_boxes_of_a_diagram_overlap() -> None:
    rng, c = np.random.default_rng(0), cg.Circuit()
    for k in range(25):
        c = c.add(f"area {'x' * (k % 7)}{k}", int(rng.integers(1, 90)))
    for k in range(60):
        i, j = sorted(rng.choice(25, 2, replace=False))
        c = c.connect(f"area {'x' * (i % 7)}{i}", f"area {'x' * (j % 7)}{j}", cg.Dense(), name=f"p{k}", weight=0.0)
    placed = place(c)
    boxes = list(placed.boxes.values())
    for i, a in enumerate(boxes):
        assert a.x - a.width / 2 >= 0
        assert a.x + a.width / 2 <= placed.width
        assert 0 <= a.y - a.height / 2 <= a.y + a.height / 2 <= placed.height
        for b in boxes[:i]:
            apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
            assert apart, (a, b)


def test_labels_of_a_diagram_cover_neither_boxes_nor_each_other() -> None:
    c = cg.Circuit().add("x", 3)
    for k in range(6):
        c = c.connect("x", f"y{k}", cg.Dense(), units=2).connect(f"y{k}", "x", cg.Dense(), delay=1)
    figure_ax = diagram(c)
    figure_ax.figure.canvas.draw()
    labels = [t.get_window_extent() for t in figure_ax.texts if "slots" in t.get_text()]
    boxes = [p.get_window_extent() for p in figure_ax.patches if isinstance(p, FancyBboxPatch)]
    assert len(labels) + sum(link.at is None for link in place(c).links.values()) == len(c.projections)
    for i, a in enumerate(labels):
        assert not any(a.overlaps(b) for b in labels[:i])
        assert not any(a.overlaps(b) for b in boxes)


def test_what_finds_no_place_is_left_out_and_said() -> None:
    c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2)
    for k in range(40):
        c = c.connect("x", "y", cg.Dense(), name=f"again {k}")
    hidden = sum(link.at is None for link in place(c).links.values())
    assert hidden > 0
    assert f"{hidden} labels left out" in [t.get_text() for t in diagram(c).get_legend().get_texts()]


def test_arrows_start_and_end_at_their_boxes() -> None:
    c = loop_net().connect("x", "y", cg.Dense(), name="skip")
    placed = place(c)
    for p in c.projections:
        for end, t in ((p.pre, 0.0), (p.post, 1.0)):
            x, y = bezier(placed.links[p.name].curve, t)
            box = placed.boxes[end]
            assert abs(x - box.x) <= box.width / 2 + 1e-6
            assert abs(y - box.y) <= box.height / 2 + 1e-6


def test_text_fits_into_a_small_axes_that_was_passed() -> None:
    ax = Figure(figsize=(2, 2)).add_subplot()
    assert diagram(conv_net(), ax=ax) is ax
    ax.figure.canvas.draw()
    boxes = {p.get_gid(): p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)}
    text = next(t for t in ax.texts if t.get_text() == "3 units at 8×8").get_window_extent()
    assert boxes["image"].x0 <= text.x0
    assert text.x1 <= boxes["image"].x1


def test_pictures_leave_no_figure_behind() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    c = conv_net()
    for draw in (diagram, adjacency, degrees, weights):
        draw(c)
    assert plt.get_fignums() == before


@pytest.mark.parametrize("draw", [diagram, weights])
def test_what_is_no_circuit_is_refused(draw: object) -> None:
    with pytest.raises(StructureError, match="expected a Circuit or a Network"):
        draw(3)  # type: ignore[operator]
    with pytest.raises(StructureError, match="empty circuit"):
        draw(cg.Circuit())  # type: ignore[operator]


def test_wiring_adds_parallel_projections_and_keeps_connections_of_weight_zero() -> None:
    c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, weight=[0.0, 1.0, 2.0, 3.0])
    c = c.connect("x", "y", cg.OneToOne(), name="more")
    a = wiring_of(c, "test").matrix
    assert a.nnz == 4
    assert a.toarray()[:2, 2:].tolist() == [[1.0, 2.0], [1.0, 4.0]]


def test_wiring_agrees_with_the_view_on_every_topology() -> None:
    from circuitgraph import registry

    for name in registry.topologies:
        for law, pre, post in registry.topologies[name].examples():
            c = cg.Circuit().add("x", pre).add("y", post).connect("x", "y", law)
            ours = wiring_of(c, "test").matrix
            assert abs(ours - cg.to_adjacency(c)).max() < 1e-6, law
            assert ours.nnz == cg.to_adjacency(c).nnz


def test_networks_and_graphs_are_drawn_as_their_circuit() -> None:
    c = loop_net()
    a = wiring_of(c, "test").matrix.toarray()
    assert np.array_equal(wiring_of(cg.compile(c), "test").matrix.toarray(), a)
    assert np.allclose(wiring_of(c.graph(), "test").matrix.toarray(), a)


def test_the_matrix_is_ordered_by_community_with_a_line_at_each_border() -> None:
    a = np.zeros((6, 6))
    labels = [0, 1, 0, 1, 0, 2]
    for i in range(6):
        for j in range(6):
            a[i, j] = 10 * i + j + 1 if labels[i] == labels[j] else 0
    ax = adjacency(a, Partition(labels))
    shown = ax.images[0].get_array()
    order = [0, 2, 4, 1, 3, 5]
    for r, i in enumerate(order):
        for k, j in enumerate(order):
            if labels[i] == labels[j]:
                assert shown[r, k] == a[i, j]
    assert sorted({line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] == line.get_xdata()[1]}) == [3, 5]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "2"]
    assert "3 communities" in ax.get_ylabel()


def test_without_an_order_the_blocks_are_populations() -> None:
    ax = adjacency(loop_net())
    assert [t.get_text() for t in ax.get_yticklabels()] == ["x", "h", "y"]
    assert len(ax.lines) == 4


def test_many_units_are_drawn_as_shares_of_connected_pairs() -> None:
    rng = np.random.default_rng(0)
    n, bins = 37, 10
    a = sp.csr_array((rng.random((n, n)) < 0.2) * 1.0)
    got = blocks_of(wiring_of(a, "test"), rng.integers(0, 3, n), bins=bins)
    edges = [k * n // bins for k in range(bins + 1)]
    dense = a.toarray()[got.order][:, got.order] != 0
    for r in range(bins):
        for k in range(bins):
            block = dense[edges[r] : edges[r + 1], edges[k] : edges[k + 1]]
            assert got.pixels[r, k] == pytest.approx(block.mean())
    assert adjacency(a, bins=bins).images[0].get_array().shape == (bins, bins)


def test_a_matrix_that_is_not_square_or_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="expected \\(N, N\\)"):
        adjacency(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="one label per node"):
        adjacency(np.eye(3), [0, 1])
    with pytest.raises(NumericError, match="finite"):
        degrees(np.array([[0, np.nan], [1, 0]]))


def test_a_circuit_without_connections_still_has_a_matrix() -> None:
    c = cg.Circuit().add("x", 3)
    assert adjacency(c).images[0].get_array().mask.all()
    with pytest.raises(StructureError, match="no connection"):
        degrees(c)


def test_degree_curves_are_the_shares_with_at_least_as_many() -> None:
    rng = np.random.default_rng(1)
    a = (rng.random((20, 20)) < 0.15) * 1.0
    ax = degrees(a)
    for line, k in zip(ax.lines, (a.astype(bool).sum(0), a.astype(bool).sum(1)), strict=True):
        for at, share in line.get_xydata():
            assert share == pytest.approx(sum(1 for d in k if d >= at) / 20)
        assert line.get_xdata().tolist() == sorted({int(d) for d in k if d})
    assert ax.get_xscale() == ax.get_yscale() == "log"
    none = int((a.sum(0) == 0).sum())
    assert f"{none} with none" in ax.get_legend().get_texts()[0].get_text() or not none


def test_survival_of_nothing_is_empty() -> None:
    at, share = survival(np.zeros(3, int))
    assert at.tolist() == share.tolist() == []


def test_weights_have_a_panel_for_each_learned_projection() -> None:
    found = weights(conv_net())
    assert [ax.get_title().split("\n")[0] for ax in found] == ["image->l1", "p1->out"]
    assert [sum(bar.get_height() for bar in ax.patches) for ax in found] == [108, 320]
    for ax in found:
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight", "slots")


def test_bars_of_negative_weights_are_vermilion_and_no_bin_holds_both_signs() -> None:
    w = np.linspace(-1, 2, 301, dtype=np.float32)
    c = cg.Circuit().add("x", 301).connect("x", "y", cg.Dense(), units=1, weight=w)
    ax = weights(c)[0]
    negative = [bar for bar in ax.patches if to_hex(bar.get_facecolor()) == INHIBITS]
    assert sum(bar.get_height() for bar in negative) == int((w < 0).sum())


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0], [-2.0, -2.0], [1e-30, 5.0], [-1e-12, 3.0], [-1.0, 1.0]])
def test_every_weight_is_counted_once(values: list[float]) -> None:
    counts, edges = histogram(np.array(values), 41)
    assert counts.sum() == len(values)
    assert len(edges) == 42
    assert np.abs(edges).min() < 1e-12


def test_a_projection_can_be_named_and_axes_passed() -> None:
    ax = Figure().add_subplot()
    assert weights(conv_net(), "p1->out", ax=ax)[0] is ax
    with pytest.raises(ShapeError, match="one axes per panel"):
        weights(conv_net(), ax=ax)
    with pytest.raises(UnknownNameError, match="no projection"):
        weights(conv_net(), ["nobody"])


def test_counts_are_written_short() -> None:
    assert [amount(n) for n in (0, 999, 99_999, 100_000, 1_234_567, 2_000_000_000)] == [
        "0", "999", "99,999", "100 k", "1.2 M", "2.0 G"
    ]  # fmt: skip
