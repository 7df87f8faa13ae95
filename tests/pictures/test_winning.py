"""Who wins, how often and where, against explicit loops."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import DataError, ShapeError
from circuitgraph.pictures import Wins, count_wins, winner_maps, winners


def net() -> cg.Circuit:
    c = cg.Circuit().add("image", (3, 9, 9)).connect("image", "l1", cg.Conv(3, padding=1), units=6, neuron=cg.ReLU())
    c = c.connect("l1", "p1", cg.Pool(2, stride=2))
    return c.connect("p1", "l2", cg.Conv(3, padding=1), units=4, neuron=cg.Triangle())


def test_wins_are_counted_over_images_and_sites() -> None:
    c, images = net(), torch.rand(70, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    wins = count_wins(c, images, "l1")
    y = cg.compile(c, keep=["l1"]).eval().step(images)["l1"].detach()
    expected, silent = [0] * 6, 0
    for column in y.permute(0, 2, 3, 1).reshape(-1, 6).tolist():
        if max(column) == min(column):
            silent += 1
        else:
            expected[column.index(max(column))] += 1
    assert wins.counts.tolist() == expected
    assert wins.n_silent == silent


def test_entropy_and_dead_share_of_winners() -> None:
    state = cg.compile(cg.Circuit().add("x", 4)).step(torch.eye(4)[[0, 0, 1, 1]])
    wins = count_wins(state, None, "x")
    assert (wins.entropy, wins.dead) == (1.0, 0.5)
    ax = winners(state, None, "x")
    assert ax.patches[0].get_data().values.tolist() == [50.0, 50.0, 0.0, 0.0]
    assert ax.get_title() == "winners of x: entropy 1 of 2 bits, 50 % never win"
    with pytest.raises(DataError, match="got both or neither"):
        winners(state, torch.eye(4), "x")


def test_of_equally_active_units_that_with_the_largest_input_wins() -> None:
    c = cg.Circuit().add("x", 3).connect("x", "y", cg.OneToOne(), neuron=cg.Activation("relu6"))
    assert count_wins(c, torch.tensor([[7.0, 9.0, 1.0], [1.0, 3.0, 2.0]]), "y").counts.tolist() == [0, 2, 0]


def test_wins_of_batches_add_up() -> None:
    c, images = net(), torch.rand(10, 3, 9, 9)
    both = count_wins(c, images[:4], "l1") + count_wins(c, images[4:], "l1")
    assert both.counts.tolist() == count_wins(c, images, "l1").counts.tolist()
    ax = winners(both, None, "l1")
    assert ax.patches[0].get_data().values.tolist() == pytest.approx(sorted(100 * both.shares, reverse=True))


def test_very_uneven_winners_are_drawn_on_logarithmic_axes() -> None:
    for counts, scale in (([5] * 20, "linear"), ([999, *[1] * 18, 0], "log")):
        ax = winners(Wins(np.array(counts), 0), None, "x")
        assert (ax.get_xscale(), ax.get_yscale()) == (scale, scale)
    assert ax.get_ylim()[0] < 100 / 1017 < ax.get_ylim()[1]


def test_winner_maps_show_the_unit_that_wins_each_site() -> None:
    c, images = net(), torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(2))
    found = winner_maps(c, images, ["l1", "l2"]).reshape(3, 2)
    y = cg.compile(c, keep=["l1"]).eval().step(images)["l1"].detach()
    for i in range(2):
        assert np.allclose(found[0, i].images[0].get_array(), images[i].permute(1, 2, 0))
        expected = torch.where(y[i].amax(0) > y[i].amin(0), y[i].argmax(0), -1)
        assert found[1, i].images[0].get_array().tolist() == expected.tolist()
        assert found[2, i].images[0].get_array().shape == (4, 4)
    assert [row[0].get_ylabel() for row in found] == ["image", "l1", "l2"]


def test_a_winner_map_names_its_most_frequent_winners_and_writes_the_others() -> None:
    c = cg.Circuit().add("x", (9, 3, 3))
    x = torch.zeros(1, 9, 3, 3)
    for site, unit in enumerate([8, 8, 0, 1, 2, 3, 4, 5]):
        x[0, unit, site // 3, site % 3] = 1.0
    _, ax = winner_maps(c, x, "x", image=(3, 9, 3))
    assert ax.images[0].get_array().tolist() == [[8, 8, 0], [1, 2, 3], [4, 5, -1]]
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == [
        "unit 8: 22 %", "unit 0: 11 %", "unit 1: 11 %", "unit 2: 11 %", "unit 3: 11 %", "unit 4: 11 %",
        "1 other: 11 %", "nobody: 11 %",
    ]  # fmt: skip
    assert [t.get_text() for t in ax.texts] == ["5"]
    colours = ax.images[0].to_rgba(np.array([8, 0, 5, 6, -1]))
    assert len({tuple(c) for c in colours.tolist()}) == 5
    assert colours[-1].tolist() == [1, 1, 1, 1]


def test_winner_maps_of_nothing_and_other_images_are_refused() -> None:
    with pytest.raises(ShapeError, match="expected at least one"):
        winner_maps(net(), torch.rand(2, 3, 9, 9), [])
    with pytest.raises(ShapeError, match=r"expected \(N, 3, 9, 9\)"):
        winner_maps(net(), torch.rand(2, 3, 8, 8), "l1")
