"""Importance: a row per group, how the measure changes without it."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.communities import Partition
from circuitgraph.compiler.lesion import Lesion
from circuitgraph.errors import NumericError, ShapeError, UnknownNameError
from circuitgraph.structural.importance import COLUMNS, importance


def network() -> cg.Network:
    c = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=2, weight=[1.0, 2.0, 4.0, 0.0, 0.0, 8.0])
    return cg.compile(c.connect("h", "y", cg.Dense(), units=1, weight=[1.0, 10.0]))


def total(net: cg.Network) -> float:
    return net(torch.ones(1, 3)).item()


def changes(groups: object) -> dict[object, float]:
    table = importance(network(), total, groups)
    return dict(zip(table["group"], table["change"], strict=True))


def test_units_count_what_flows_through_them() -> None:
    # y = (1 + 2 + 4) + 10 * 8 = 87.
    assert changes("units") == {
        ("x", 0): -1.0, ("x", 1): -2.0, ("x", 2): -84.0, ("h", 0): -7.0, ("h", 1): -80.0, ("y", 0): -87.0,
    }  # fmt: skip


def test_populations_and_projections_are_taken_out_whole() -> None:
    assert changes("populations") == {"x": -87.0, "h": -87.0, "y": -87.0}
    assert changes("projections") == {"x->h": -87.0, "h->y": -87.0}


def test_communities_are_named_by_their_label() -> None:
    labels = [5, 5, 9, 5, 9, 9]
    expected = {5: -7.0, 9: -87.0}
    assert changes(labels) == changes(np.array(labels)) == expected
    assert changes(Partition(labels)) == {0: -7.0, 1: -87.0}


def test_groups_of_ones_own_may_hold_slots() -> None:
    assert changes({"a": {"x": [0, 1]}, "b": Lesion(slots={"h->y": np.array([0])}), "c": {}}) == {
        "a": -3.0, "b": -7.0, "c": 0.0,
    }  # fmt: skip


def test_rows_say_how_large_a_group_is_and_come_worst_first() -> None:
    table = importance(network(), total, {"small": {"x": [0]}, "large": {"x": [1, 2], "h": [0]}})
    assert list(table.columns) == COLUMNS
    assert table.values.tolist() == [["large", 3, 0, 0.0, -87.0, 87.0], ["small", 1, 0, 86.0, -1.0, 87.0]]
    assert importance(network(), total, "projections")["n_slots"].tolist() == [6, 2]


def test_the_network_is_measured_in_eval_mode_and_left_as_it_was() -> None:
    net = network().train()
    weights = {name: w.tolist() for name, w in net.weights.items()}
    modes = []

    def evaluate(net: cg.Network) -> float:
        modes.append(net.training)
        return total(net)

    importance(net, evaluate)
    assert modes == [False] * 4
    assert net.training
    assert net.lesion is None
    assert {name: w.tolist() for name, w in net.weights.items()} == weights


def test_a_measure_that_fails_leaves_no_lesion() -> None:
    net = network()

    def evaluate(net: cg.Network) -> float:
        if net.lesion is not None:
            raise KeyError
        return 0.0

    with pytest.raises(KeyError):
        importance(net, evaluate)
    assert net.lesion is None
    assert net.training


def test_the_part_that_carries_a_trained_task_matters_most() -> None:
    # Two pathways; only the first sees the input that the target is made of.
    c = cg.Circuit().add("signal", 4).add("noise", 4)
    for name in ("signal", "noise"):
        c = c.connect(name, f"{name} path", cg.Dense(), units=6, neuron=cg.ReLU())
    c = c.connect("signal path", "y", cg.Dense(), units=1).connect("noise path", "y", cg.Dense())
    net, rng = cg.compile(c), torch.Generator().manual_seed(0)
    x = {name: torch.randn(64, 4, generator=rng) for name in ("signal", "noise")}
    target = x["signal"].abs().sum(1, keepdim=True)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        (net(x) - target).square().mean().backward()
        optimizer.step()
    groups = {name: {name: range(6)} for name in ("signal path", "noise path")}
    table = importance(net, lambda net: -(net(x) - target).square().mean().item(), groups)
    assert table["group"].tolist() == ["signal path", "noise path"]
    assert table["change"][0] < 10 * table["change"][1] < 0


@pytest.mark.parametrize(
    ("groups", "error", "match"),
    [
        ("layers", UnknownNameError, "no groups 'layers' .expected one of populations, projections, units"),
        ({}, ShapeError, "nothing to lesion"),
        ([0, 1], ShapeError, "one label per unit"),
        ([0.5] * 6, ShapeError, "not a list of indices"),
        ({"a": {"w": [0]}}, UnknownNameError, "no population 'w'"),
    ],
)
def test_bad_groups_are_refused(groups, error, match) -> None:
    with pytest.raises(error, match=match):
        importance(network(), total, groups)


@pytest.mark.parametrize("value", [float("nan"), None, "high"])
def test_a_measure_that_is_no_number_is_refused(value) -> None:
    with pytest.raises(NumericError, match="expected one number"):
        importance(network(), lambda net: value)
