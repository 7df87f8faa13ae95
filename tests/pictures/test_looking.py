"""Pictures of what networks do, against explicit loops."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import circuitgraph as cg
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.pictures import (
    activation_maps,
    count_wins,
    find_patches,
    log,
    preferred_input,
    receptive_fields,
    top_patches,
    winners,
)
from circuitgraph.pictures.windows import receptive_window
from circuitgraph.structural import Fraction, Magnitude, Prune


def net(units: int = 6, image: tuple[int, ...] = (3, 9, 9)) -> cg.Circuit:
    c = cg.Circuit().add("image", image).connect("image", "l1", cg.Conv(3, padding=1), units=units, neuron=cg.ReLU())
    c = c.connect("l1", "p1", cg.Pool(2, stride=2))
    return c.connect("p1", "l2", cg.Conv(3, padding=1), units=4, neuron=cg.Triangle())


def reached(c: cg.Circuit, population: str, neuron: int) -> np.ndarray:
    """Follow synapses backwards, one table after the other: the input neurons that are seen."""
    here = {population: {neuron}}
    for p in reversed(c.projections):
        table = c.synapses(p)
        hit = np.isin(table.post, sorted(here.get(p.post, ())))
        here.setdefault(p.pre, set()).update(table.pre[hit].tolist())
    return np.array(sorted(here["image"]))


@pytest.mark.parametrize("site", [(0, 0), (2, 1), (3, 3)])
def test_a_window_holds_exactly_what_synapses_lead_back_to(site: tuple[int, int]) -> None:
    c = net()
    shape = c.population("l2").shape
    window = receptive_window(c, "l2", site)
    neurons = reached(c, "l2", int(np.ravel_multi_index((0, *site), shape)))
    _, rows, columns = np.unravel_index(neurons, (3, 9, 9))
    for (low, high), seen in zip(window.span, (rows, columns), strict=True):
        assert (max(low, 0), min(high, 9)) == (seen.min(), seen.max() + 1)


def test_a_window_through_dense_wiring_is_the_whole_input() -> None:
    c = net().connect("l2", "out", cg.Dense(), units=2)
    for low, high in receptive_window(c, "out").span:
        assert low <= 0
        assert high >= 9


def test_windows_of_several_ways_are_joined() -> None:
    c = cg.Circuit().add("image", (1, 9)).connect("image", "a", cg.Conv(1), units=1)
    c = c.connect("image", "b", cg.Conv(5, padding=2), units=1).connect("a", "c", cg.OneToOne())
    c = c.connect("b", "c", cg.OneToOne())
    assert receptive_window(c, "c").span == ((2, 7),)


def test_who_sees_no_input_without_delay_has_no_window() -> None:
    c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, delay=1)
    with pytest.raises(StructureError, match="see one input without delay"):
        receptive_window(c, "y")


def test_fields_of_the_first_layer_are_its_weights() -> None:
    c = net()
    ax = receptive_fields(c, "l1")
    canvas = ax.images[0].get_array()
    w = c.projection("image->l1").weight.reshape(6, 3, 3, 3)  # unit, row, column, colour
    gap = 1
    for u in range(6):
        tile = canvas[gap : gap + 3, gap + u * 4 : gap + u * 4 + 3]
        assert np.allclose(tile, 0.5 + 0.5 * w[u] / np.abs(w[u]).max(), atol=1e-6)
    assert ax.get_title() == "weights of l1: 6 of 6 units, 3×3 sites"
    assert [t.get_text() for t in ax.get_xticklabels()] == list("012345")


def test_pruned_slots_are_grey_in_a_field() -> None:
    c = net()
    keep = np.arange(1, c.projection("image->l1").n_slots)
    pruned, _ = cg.RemoveSlots("image->l1", [0]).apply(c)
    assert pruned.projection("image->l1").n_slots == len(keep)
    canvas = receptive_fields(pruned, "l1", [0]).images[0].get_array()
    assert canvas[1, 1, 0] == 0.5
    assert canvas[1, 1, 1] != 0.5


def test_one_unit_of_a_flat_input_is_shown_in_the_shape_given() -> None:
    c = cg.Circuit().add("x", 12).connect("x", "y", cg.Dense(), units=2)
    canvas = receptive_fields(c, "y", 1, image=(1, 3, 4)).images[0].get_array()
    w = c.projection("x->y").weight.reshape(2, 3, 4)[1]
    assert np.allclose(canvas[1:4, 1:5], 0.5 + 0.5 * w / np.abs(w).max())
    with pytest.raises(ShapeError, match="pass image="):
        receptive_fields(c, "y")
    with pytest.raises(ShapeError, match="a shape of 12 numbers"):
        receptive_fields(c, "y", image=(1, 3, 3))


def test_units_that_are_no_range_are_numbered_one_by_one() -> None:
    ax = receptive_fields(net(), "l1", [4, 1])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["4", "1"]


def test_many_units_are_numbered_by_row_and_column() -> None:
    ax = receptive_fields(net(20), "l1")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "16"]
    assert [t.get_text() for t in ax.get_xticklabels()] == [f"+{i}" for i in range(16)]
    assert len(receptive_fields(net(20), "l1", columns=5).get_yticks()) == 4
    with pytest.raises(ShapeError, match="columns"):
        receptive_fields(net(), "l1", columns=0)


def test_fields_behind_a_whitened_image_are_shown_as_the_image_sees_them() -> None:
    c = cg.Circuit().add("image", (3, 12, 12), cg.BatchNorm())
    c = c.connect("image", "white", cg.Conv(3, padding=1, mode="reflect"), units=3, neuron=cg.BatchNorm(), fixed=True)
    c = c.connect("white", "l1", cg.Conv(3, padding=1), units=4, neuron=cg.Triangle(0.7))
    c = c.replace_population("white", memory={"mean": np.float32([1, 2, 3]), "variance": np.float32([4, 1, 0.25])})
    ax = receptive_fields(c, "l1")
    assert ax.get_title() == "weights of l1 on the input: 4 of 4 units, 5×5 sites"
    first = c.projection("image->white").weight.reshape(3, 3, 3, 3)  # unit, row, column, colour
    second = c.projection("white->l1").weight.reshape(4, 3, 3, 3)
    scale = 1 / np.sqrt(np.array([4, 1, 0.25]) + 1e-5)
    canvas = ax.images[0].get_array()
    for unit in range(4):
        expected = np.zeros((5, 5, 3))
        for row, column in np.ndindex(3, 3):
            for white in range(3):
                part = second[unit, row, column, white] * scale[white] * first[white]
                expected[row : row + 3, column : column + 3] += part
        tile = canvas[1:6, 1 + unit * 6 : 6 + unit * 6]
        assert np.allclose(tile, 0.5 + 0.5 * expected / np.abs(expected).max(), atol=1e-5)


def test_what_nothing_moves_has_no_preferred_input() -> None:
    c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, weight=[0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    c = c.connect("y", "z", cg.OneToOne())
    assert preferred_input(c, "z", [0, 1]).round(decimals=3).tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def test_what_is_silent_at_rest_is_woken_by_stronger_noise() -> None:
    """Nothing passes the threshold of 0.5 at the mean input, nor in the weak noise that the search begins with."""
    c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 0.0, 0.0])
    c = c.replace_population(
        "y", neuron=cg.Chain((cg.Bias(), cg.ReLU())), memory={"bias": np.array([-0.5], np.float32)}
    )
    c = c.connect("y", "z", cg.OneToOne())
    found = preferred_input(c, "z", [0], norm=2.0, rng=1)[0]
    assert found.tolist() == pytest.approx([2.0, 0.0, 0.0], abs=0.05)


@pytest.mark.parametrize("law", [cg.Dense(), cg.Conv(3, padding=1), cg.Conv(3, padding=1, groups=2)])
def test_the_units_looked_at_do_not_change_what_each_prefers(law: cg.Topology) -> None:
    c = cg.Circuit().add("image", (2, 6, 6)).connect("image", "l1", cg.Conv(3, padding=1), units=4, neuron=cg.ReLU())
    c = c.connect("l1", "l2", law, units=6, neuron=cg.Triangle()).connect("l2", "out", cg.Dense(), units=2)
    alone = torch.stack([preferred_input(c, "l2", [u])[0] for u in (5, 1)])
    drive = cg.compile(c, keep=["l2"]).eval()
    for found in (alone, preferred_input(c, "l2", [5, 1])):
        u = drive.step(found)["l2", "in"].detach()
        site = (3, 3) if u.ndim == 4 else ()
        for i, unit in enumerate((5, 1)):
            assert u[(i, unit, *site)] > 0
            assert u[(i, unit, *site)] >= 0.999 * u[(slice(None), unit, *site)].max()


def test_a_smoothed_preferred_input_has_less_of_the_finest_grain() -> None:
    c = net(image=(1, 16, 16))

    def grain(x: torch.Tensor) -> float:
        return float(x.diff(dim=-1).square().sum() / x.square().sum())

    rough, smooth = (preferred_input(c, "l2", [0, 1, 2, 3], smooth=s) for s in (0.0, 1.0))
    assert grain(smooth) < 0.5 * grain(rough)
    with pytest.raises(NumericError, match="smooth"):
        preferred_input(c, "l2", smooth=-1.0)


def test_gradient_ascent_on_a_linear_chain_finds_the_product_of_its_weights() -> None:
    c = cg.Circuit().add("x", 7).connect("x", "h", cg.Dense(), units=5).connect("h", "y", cg.Dense(), units=3)
    first, second = (c.projection(n).weight for n in ("x->h", "h->y"))
    w = second.reshape(3, 5) @ first.reshape(5, 7)
    found = preferred_input(c, "y", [0, 2], norm=2.5).numpy()
    for row, unit in zip(found, (0, 2), strict=True):
        assert np.allclose(row, 2.5 * w[unit] / np.linalg.norm(w[unit]), atol=1e-4)


def test_a_preferred_input_stays_within_its_bound_and_window_and_excites_more_than_chance() -> None:
    c = net()
    best = preferred_input(c, "l2", [0, 1], norm=3.0)
    assert (best.flatten(1).norm(dim=1) <= 3.0 + 1e-4).all()
    (top, bottom), (left, right) = receptive_window(c, "l2").span
    outside = best.clone()
    outside[:, :, max(top, 0) : bottom, max(left, 0) : right] = 0
    assert not outside.any()
    compiled = cg.compile(c, keep=["l2"]).eval()
    chance = torch.randn(200, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    chance *= 3.0 / chance.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    for unit in (0, 1):
        reached = compiled.step(best)["l2", "in"][unit, unit, 2, 2]
        assert reached > compiled.step(chance)["l2", "in"][:, unit, 2, 2].max()


def test_a_preferred_input_begins_at_the_mean_that_batch_normalisation_remembers() -> None:
    c = cg.Circuit().add("x", 3, cg.BatchNorm()).connect("x", "h", cg.Dense(), units=2)
    c = c.connect("h", "y", cg.Dense(), units=1)
    c = c.replace_population("x", memory={"mean": np.float32([5, 6, 7]), "variance": np.float32([4, 4, 4])})
    found = preferred_input(c, "y")[0]
    assert (found - torch.tensor([5.0, 6.0, 7.0])).norm() == pytest.approx(12**0.5, rel=1e-3)


def test_looking_changes_neither_the_network_nor_its_mode() -> None:
    live = cg.compile(net()).train()
    before = {k: v.clone() for k, v in live.state_dict().items()}
    images = torch.rand(4, 3, 9, 9)
    receptive_fields(live, "l2", [0], steps=2)
    winners(live, images, "l1")
    top_patches(live, images, "l2", [0])
    assert live.training
    assert all(torch.equal(before[k], v) for k, v in live.state_dict().items())
    assert all(w.requires_grad and w.grad is None for n, w in live.weights.items() if n in ("image->l1", "p1->l2"))


def test_bad_norms_steps_units_and_names_are_refused() -> None:
    for bad in (0, -1.0, float("nan"), "x"):
        with pytest.raises(NumericError, match="norm"):
            preferred_input(net(), "l2", norm=bad)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="steps"):
        preferred_input(net(), "l2", steps=0)
    with pytest.raises(ShapeError, match="expected some of 0 to 3"):
        receptive_fields(net(), "l2", [4])
    with pytest.raises(UnknownNameError, match="no population"):
        receptive_fields(net(), "nobody")


def test_maps_show_the_activity_itself_in_one_scale() -> None:
    c, images = net(), torch.rand(2, 3, 9, 9)
    found = activation_maps(c, images, "l1", [1, 4])
    assert len(found) == 6
    y = cg.compile(c, keep=["l1"]).eval().step(images)["l1"].detach()
    for i in range(2):
        assert np.allclose(found[3 * i].images[0].get_array(), images[i].permute(1, 2, 0))
        for k, unit in enumerate((1, 4)):
            shown = found[3 * i + 1 + k].images[0]
            assert np.allclose(shown.get_array(), y[i, unit], atol=1e-5)
            assert shown.get_clim() == pytest.approx((float(y[:, [1, 4]].min()), float(y[:, [1, 4]].max())), abs=1e-5)
    assert [found[0].get_ylabel(), found[1].get_title(), found[2].get_title()] == ["image 0", "unit 1", "unit 4"]


def test_bytes_are_images_from_zero_to_one() -> None:
    c, images = net(), torch.randint(0, 256, (2, 3, 9, 9), dtype=torch.uint8)
    a = activation_maps(c, images, "l1", [0])[1].images[0].get_array()
    b = activation_maps(c, images.float() / 255, "l1", [0])[1].images[0].get_array()
    assert np.array_equal(a, b)


def test_a_population_without_sites_is_one_map_of_images_and_units() -> None:
    c = net().connect("l2", "out", cg.Dense(), units=5)
    (ax,) = activation_maps(c, torch.rand(3, 3, 9, 9), "out")
    assert ax.images[0].get_array().shape == (3, 5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("unit of out", "image")


def test_images_of_another_shape_are_refused() -> None:
    for look in (activation_maps, winners, top_patches):
        with pytest.raises(ShapeError, match=r"expected \(N, 3, 9, 9\)"):
            look(net(), torch.rand(2, 3, 8, 8), "l1")
        with pytest.raises(ShapeError, match="images"):
            look(net(), torch.rand(0, 3, 9, 9), "l1")


def test_patches_are_where_the_unit_is_most_active_image_by_image() -> None:
    c = net()
    images = torch.rand(150, 3, 9, 9, generator=torch.Generator().manual_seed(3))
    at, strength = find_patches(c, images, "l2", [2, 0], 5)
    y = cg.compile(c, keep=["l2"]).eval().step(images)["l2"].detach()
    for row, values, unit in zip(at, strength, (2, 0), strict=True):
        best = sorted(((float(y[k, unit].max()), k) for k in range(150)), reverse=True)[:5]
        assert values.tolist() == pytest.approx([v for v, _ in best], rel=1e-4)
        for (k, r, s), (value, _) in zip(row, best, strict=True):
            assert float(y[k, unit, r, s]) == pytest.approx(value, rel=1e-4)


def test_a_patch_shows_the_window_of_its_site_grey_beyond_the_border() -> None:
    c = cg.Circuit().add("image", (1, 4, 4)).connect("image", "l1", cg.Conv(3, padding=1), units=1, weight=np.ones(9))
    images = np.zeros((1, 1, 4, 4), np.float32)
    images[0, 0, 0, 0] = images[0, 0, 1, 1] = 1.0
    at, _ = find_patches(c, images, "l1")
    assert at.tolist() == [[[0, 0, 0]]]
    canvas = top_patches(c, images, "l1").images[0].get_array()
    assert canvas[1:4, 1:4].tolist() == [[0.5, 0.5, 0.5], [0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]


def test_a_figure_of_patches_has_a_row_per_unit_and_a_column_per_rank() -> None:
    ax = top_patches(net(), torch.rand(7, 3, 9, 9), "l2", [1, 3], 20)
    assert len(ax.get_xticks()) == 7
    assert [t.get_text().split("\n")[0] for t in ax.get_yticklabels()] == ["1", "3"]
    with pytest.raises(ShapeError, match="n "):
        top_patches(net(), torch.rand(7, 3, 9, 9), "l2", n=0)


def edited() -> cg.Network:
    live = cg.compile(
        cg.Circuit().add("x", 8).connect("x", "h", cg.Dense(), units=6).connect("h", "y", cg.Dense(), units=2)
    )
    live.log.watch["mean weight"] = lambda c: float(c.projections[0].weight.mean())
    for step in (10, 20, 40):
        live.log.step = step
        Prune(Magnitude(), Fraction(0.2))(live)
    live.log.step = 50
    live.edit(cg.Grow("h", 2))
    return live


def test_the_log_shows_a_panel_per_kind_and_every_edit() -> None:
    live = edited()
    found = log(live)
    assert [ax.get_ylabel() for ax in found] == ["slots", "units", "density (share of the whole law)", "mean weight"]
    table = live.log.curves()
    by_label = dict(zip((t.get_text() for t in found[0].get_legend().get_texts()), found[0].lines, strict=True))
    assert by_label["all"].get_ydata().tolist() == table["slots"].tolist()
    assert by_label["x->h"].get_ydata().tolist() == table["slots x->h"].tolist()
    marks = [line for line in found[0].lines if line.get_marker() == "|"]
    assert sorted(step for line in marks for step in line.get_xdata()) == [10, 20, 40, 50]


def test_a_log_without_edits_is_refused_and_axes_are_counted() -> None:
    with pytest.raises(StructureError, match="got no edit"):
        log(cg.compile(net()))
    with pytest.raises(StructureError, match="got int"):
        log(3)
    with pytest.raises(ShapeError, match="expected 4"):
        log(edited(), ax=Figure().add_subplot())


def test_a_recurrent_population_is_looked_at_after_its_delay() -> None:
    c = cg.Circuit().add("x", 2).connect("x", "y", cg.OneToOne(), delay=1)
    wins = count_wins(c, torch.tensor([[0.0, 1.0]]), "y")
    assert wins.counts.tolist() == [0, 1]
