"""Everything registered keeps its contract; a new file is under test as soon as it exists."""

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph import registry, testing
from circuitgraph.edits import Edit
from circuitgraph.ir import Circuit, Shape, Topology
from circuitgraph.kernels import Kernel
from circuitgraph.neurons import Neuron
from circuitgraph.rules import Rule, Winners
from circuitgraph.structural.scores import Score

TILE = np.arange(0, 256, 4)
ONE_TILE = cg.Explicit(TILE % 16, TILE // 16), (32,), (16,)
"""Wiring for a kernel that supports no example: one that needs blocks, which are too large for examples."""


def wirings() -> list[tuple[Topology, Shape, Shape]]:
    return [e for n in registry.topologies for e in registry.topologies[n].examples()]


@pytest.mark.parametrize(("topology", "pre", "post"), wirings(), ids=repr)
def test_every_topology_agrees_with_its_enumeration(topology: Topology, pre: Shape, post: Shape) -> None:
    testing.check_topology(topology, pre, post)


# Code for GPUs is interpreted here, slowly; quicker tests of it are in tests/kernels.
@pytest.mark.parametrize(
    "kernel",
    [
        pytest.param(k, id=k.name, marks=pytest.mark.slow if "cuda" in k.devices else ())
        for k in (registry.kernels[n] for n in registry.kernels)
    ],
)
def test_every_kernel_equals_the_reference_on_all_that_it_supports(kernel: type[Kernel]) -> None:
    if not kernel.present():
        pytest.skip(f"{kernel.name}: what it needs is not installed")
    if kernel.devices and "cpu" not in kernel.devices:
        pytest.skip(f"{kernel.name}: runs on {', '.join(kernel.devices)} only")
    supported = [w for w in wirings() if kernel.supports(*w)] or [ONE_TILE]
    for topology, pre, post in supported:
        testing.check_kernel(kernel, topology, pre, post)


@pytest.mark.parametrize("neuron", [e for n in registry.neurons for e in registry.neurons[n].examples()], ids=repr)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (3, 2, 2)], ids=str)
def test_every_neuron_minds_its_contract(neuron: Neuron, shape: Shape) -> None:
    testing.check_neuron(neuron, shape)


@pytest.mark.parametrize("rule", [e for n in registry.rules for e in registry.rules[n].examples()], ids=repr)
def test_every_rule_gives_the_same_change_on_every_wiring(rule: Rule) -> None:
    testing.check_rule(rule)


@pytest.mark.parametrize(
    "winners", [e for n in registry.competitions for e in registry.competitions[n].examples()], ids=repr
)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (1, 2, 2)], ids=str)
def test_every_competition_names_winners_sample_by_sample(winners: Winners, shape: Shape) -> None:
    testing.check_competition(winners, shape)


@pytest.mark.parametrize("score", [e for n in registry.scores for e in registry.scores[n].examples()], ids=repr)
def test_every_score_gives_each_slot_a_number(score: Score) -> None:
    testing.check_score(score)


@pytest.mark.parametrize(
    ("edit", "circuit"), [e for n in registry.edits for e in registry.edits[n].examples()], ids=str
)
def test_every_edit_leaves_survivors_as_they_were(edit: Edit, circuit: Circuit) -> None:
    testing.check_edit(edit, circuit)
