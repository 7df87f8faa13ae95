"""The pictures of a run: which there are, and what they show."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import circuitgraph as cg
from circuitgraph.bench import pictures
from circuitgraph.bench.run import Outcome
from circuitgraph.pictures import count_wins

ALWAYS = ["accuracy", "receptive_fields", "weights"]
SEEN = ["winners", "winner_maps", "activity"]


def deep(image: tuple[int, ...] = (3, 8, 8)) -> cg.Circuit:
    c = cg.Circuit().add("image", image, cg.BatchNorm())
    c = c.connect("image", "conv1", cg.Conv(3, padding=1), units=20, neuron=cg.Triangle(0.7), rule=cg.SoftHebb(0.1))
    c = c.connect("conv1", "pool1", cg.Pool(2))
    c = c.connect("pool1", "conv2", cg.Conv(3, padding=1), units=24, neuron=cg.Homeostatic(0.1), rule=cg.SoftHebb(0.1))
    return c.replace_population("conv2", memory={"threshold": np.linspace(0, 1, 24), "rate": np.zeros(24)})


def outcome(circuit: cg.Circuit, **more: Any) -> Outcome:
    curve = [{"epoch": float(e), "validation": 50.0 + e} for e in (1, 2)]
    return Outcome(more.pop("seed", 0), circuit, test_accuracy=55.0, curve=curve, **more)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Catch the figures instead of writing them."""
    found: dict[str, Figure] = {}
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: found.update({Path(path).stem: self}))
    return found


def images(n: int = 7, shape: tuple[int, ...] = (3, 8, 8)) -> torch.Tensor:
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes]


def test_files_are_written_and_named_back(tmp_path: Path) -> None:
    paths = pictures.draw([outcome(deep())], "a run", tmp_path, images())
    assert [p.stem for p in paths] == [*ALWAYS, "memory", *SEEN]
    assert all(p.stat().st_size > 1000 for p in paths)


@pytest.mark.usefixtures("drawn")
def test_without_images_there_is_what_needs_none(tmp_path: Path) -> None:
    assert [p.stem for p in pictures.draw([outcome(deep())], "a run", tmp_path)] == [*ALWAYS, "memory"]


@pytest.mark.usefixtures("drawn")
def test_a_circuit_without_weights_has_an_accuracy_only(tmp_path: Path) -> None:
    pixels = cg.Circuit().add("image", (3, 8, 8))
    assert [p.stem for p in pictures.draw([outcome(pixels)], "pixels", tmp_path, images())] == ["accuracy"]


def test_every_layer_has_receptive_fields_and_deeper_ones_those_that_win(
    drawn: dict[str, Figure], tmp_path: Path
) -> None:
    pictures.draw([outcome(deep())], "a run", tmp_path, images())
    first, second = drawn["receptive_fields"].axes
    assert first.get_title() == "weights of conv1: 20 of 20 units, 3×3 sites"
    assert second.get_title() == "preferred input of conv2: 16 of 24 units, 7×7 sites, those that win most"
    wins = count_wins(deep(), images(), "conv2").counts
    shown = [int(t.get_text()) for t in second.get_xticklabels()]
    assert shown == sorted(range(24), key=lambda u: -wins[u])[:16]
    assert drawn["receptive_fields"].get_suptitle() == "a run: receptive fields"


def test_receptive_fields_behind_a_whitened_image_are_in_image_space(drawn: dict[str, Figure], tmp_path: Path) -> None:
    c = cg.Circuit().add("image", (3, 8, 8))
    c = c.connect("image", "white", cg.Conv(3, padding=1, mode="reflect"), units=3, neuron=cg.BatchNorm(), fixed=True)
    c = c.connect("white", "conv1", cg.Conv(3, padding=1), units=4, rule=cg.SoftHebb(0.1))
    pictures.draw([outcome(c)], "white", tmp_path, images())
    assert titles(drawn["receptive_fields"]) == ["weights of conv1 on the input: 4 of 4 units, 5×5 sites"]
    assert [ax.get_ylabel() for ax in drawn["winner_maps"].axes if ax.get_ylabel()] == ["image", "conv1"]


def test_layers_behind_all_or_nothing_units_are_shown_by_patches(drawn: dict[str, Figure], tmp_path: Path) -> None:
    c = cg.Circuit().add("image", (3, 8, 8))
    c = c.connect("image", "words", cg.Conv(3), units=8, neuron=cg.NearestWinners(0.4), rule=cg.SoftHebb(0.1))
    c = c.connect("words", "conv2", cg.Conv(3), units=6, rule=cg.SoftHebb(0.1))
    pictures.draw([outcome(c)], "words", tmp_path, images())
    assert titles(drawn["receptive_fields"]) == [
        "weights of words: 8 of 8 units, 3×3 sites",
        "patches for conv2: 5×5 sites, of 7 images, those that win most",
    ]


def test_winners_and_maps_have_every_layer(drawn: dict[str, Figure], tmp_path: Path) -> None:
    pictures.draw([outcome(deep())], "a run", tmp_path, images())
    assert [t.split(":")[0] for t in titles(drawn["winners"])] == ["winners of conv1", "winners of conv2"]
    assert all("bits" in t and "never win" in t for t in titles(drawn["winners"]))
    maps = drawn["winner_maps"].axes
    assert len(maps) == 3 * pictures.SHOWN
    assert maps[pictures.SHOWN].images[0].get_array().shape == (8, 8)
    assert maps[-1].images[0].get_array().shape == (4, 4)


def test_activity_has_an_image_and_six_units_a_row(drawn: dict[str, Figure], tmp_path: Path) -> None:
    pictures.draw([outcome(deep())], "a run", tmp_path, images())
    first, second = drawn["activity"].subfigs
    assert [first.get_suptitle(), second.get_suptitle()] == ["conv1", "conv2"]
    rows = pictures.HEAT_ROWS // 2
    assert len(first.axes) == rows * 7 + 1
    expected = cg.compile(deep(), keep=["conv2"]).eval().step(images()[:rows].float() / 255)["conv2"].detach()
    for i, ax in enumerate(second.axes[1:7]):
        unit = int(second.axes[1 + i].get_title().removeprefix("unit "))
        assert np.allclose(ax.images[0].get_array(), expected[0, unit], atol=1e-4)


def test_layers_without_sites_have_no_maps_but_all_the_rest(drawn: dict[str, Figure], tmp_path: Path) -> None:
    c = cg.Circuit().add("image", (1, 8, 8)).connect("image", "h", cg.Dense(), units=10, neuron=cg.ReLU())
    pictures.draw([outcome(c.connect("h", "label", cg.Dense(), units=3))], "dense", tmp_path, images(40, (1, 8, 8)))
    assert list(drawn) == [*ALWAYS, "winners", "activity"]
    assert titles(drawn["receptive_fields"]) == [
        "weights of h: 10 of 10 units, 8×8 sites",
        "preferred input of label: 3 of 3 units, 8×8 sites",
    ]
    assert drawn["activity"].subfigs[0].axes[0].images[0].get_array().shape == (pictures.FLAT, 10)


def test_thresholds_are_drawn_and_running_means_are_not(drawn: dict[str, Figure], tmp_path: Path) -> None:
    pictures.draw([outcome(deep())], "a run", tmp_path)
    assert [ax.get_xlabel() for ax in drawn["memory"].axes] == ["threshold", "rate"]
    assert [t.split("\n")[0] for t in titles(drawn["weights"])] == ["image->conv1", "pool1->conv2"]


def test_what_a_learning_rule_remembers_is_drawn(drawn: dict[str, Figure], tmp_path: Path) -> None:
    c = cg.Circuit().add("image", (3, 8, 8), cg.BatchNorm())
    c = c.connect("image", "conv1", cg.Conv(3), units=6, neuron=cg.ReLU(), rule=cg.BCM(0.01))
    c = c.connect("conv1", "conv2", cg.Conv(3), units=4, rule=cg.BCM(0.01))
    net = cg.compile(c).train()
    net.learn(net.step(images().float() / 255))
    pictures.draw([outcome(net.snapshot())], "bcm", tmp_path, images())
    assert [t.split("\n")[0] for t in titles(drawn["memory"])] == [
        "conv1: image->conv1 theta", "conv2: conv1->conv2 theta",
    ]  # fmt: skip
    assert len(drawn["receptive_fields"].axes) == 2


def test_seeds_share_one_figure_of_accuracy(drawn: dict[str, Figure], tmp_path: Path) -> None:
    pictures.draw([outcome(deep(), seed=s) for s in (3, 5)], "a run", tmp_path)
    assert [t.get_text() for t in drawn["accuracy"].axes[0].texts] == ["seed 3: 55.00", "seed 5: 55.00"]


def test_norms_of_many_projections_all_have_a_curve_that_can_be_told_apart(
    drawn: dict[str, Figure], tmp_path: Path
) -> None:
    rows = [{"step": float(i)} | {f"p{k}": 2.0 + k + i for k in range(10)} for i in range(3)]
    pictures.draw([outcome(deep(), norms=rows)], "a run", tmp_path)
    (ax,) = drawn["weight_norms"].axes
    assert [line.get_ydata().tolist() for line in ax.lines[:10]] == [[2.0 + k + i for i in range(3)] for k in range(10)]
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines[:10]}) == 10
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == [*(f"p{k}: {4 + k}" for k in range(10)), "norm 1"]


def test_populations_that_hear_two_inputs_are_left_out(drawn: dict[str, Figure], tmp_path: Path) -> None:
    c = deep().add("other", 2).connect("other", "both", cg.Dense(), units=2).connect("conv2", "both", cg.Dense())
    assert pictures.layers(c) == ["conv1", "conv2"]
    pictures.draw([outcome(c)], "two", tmp_path)
    assert [t.split(":")[0] for t in titles(drawn["receptive_fields"])] == [
        "weights of conv1", "preferred input of conv2",
    ]  # fmt: skip


def test_more_layers_and_wider_ones_show_fewer_units_and_images(drawn: dict[str, Figure], tmp_path: Path) -> None:
    c, below = cg.Circuit().add("image", (3, 8, 8)), "image"
    for i in range(11):
        c, below = c.connect(below, f"c{i}", cg.Conv(3, padding=1), units=8, neuron=cg.ReLU()), f"c{i}"
    pictures.draw([outcome(c)], "deep", tmp_path, images())
    assert len(drawn["receptive_fields"].axes) == 11
    assert all(len(block.axes) == 1 * 7 + 1 for block in drawn["activity"].subfigs)
