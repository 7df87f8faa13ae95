"""Graphs of NIR from circuits and back; what cannot be said is reported."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import StructureError
from circuitgraph.exchange import Report, from_nir, to_nir
from circuitgraph.neurons import IF, LI, LIF, Bias, Chain, CubaLIF

nir = pytest.importorskip("nir")


def runs_alike(a: cg.Circuit, b: cg.Circuit, x: torch.Tensor) -> torch.Tensor:
    ours, theirs = cg.compile(a).run(x)[0], cg.compile(b).run(x)[0]
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)
    return ours


def memory(**values: float) -> dict[str, np.ndarray]:
    return {name: np.full(4, value, np.float32) for name, value in values.items()}


def spiking(neuron: cg.Neuron, **values: float) -> cg.Circuit:
    circuit = cg.Circuit().add("x", 3).add(cg.Population("h", 4, neuron, memory(**values)))
    return circuit.connect("x", "h", cg.Dense(), weight=cg.uniform(0, 1)).connect("h", "y", cg.Dense(), units=2)


NEURONS = {
    "li": spiking(LI(2.0), tau_ms=10, r=2, v_leak=0.1),
    "lif": spiking(LIF(2.0), tau_ms=10, r=2, v_leak=0.1, v_threshold=0.5, v_reset=-0.1),
    "if": spiking(IF(2.0), r=300, v_threshold=0.7, v_reset=0.1),
    "cuba": spiking(CubaLIF(2.0), tau_syn_ms=4, w_in=3, tau_ms=10, r=2, v_threshold=0.5),
}


@pytest.mark.parametrize("circuit", NEURONS.values(), ids=NEURONS)
def test_every_neuron_comes_back_and_runs_the_same(circuit: cg.Circuit) -> None:
    back = from_nir(to_nir(circuit), dt_ms=2.0)
    assert [p.name for p in back.populations] == ["x", "h", "y"]
    assert back.population("h").neuron == circuit.population("h").neuron
    for name, column in circuit.population("h").memory.items():
        np.testing.assert_allclose(back.population("h").memory[name], column, rtol=1e-6)
    assert np.array_equal(back.projections[0].weight, circuit.projections[0].weight)
    assert runs_alike(circuit, back, torch.rand(20, 5, 3)).abs().sum() > 0


def test_a_file_on_disk_comes_back(tmp_path: Path) -> None:
    nir.write(tmp_path / "c.nir", to_nir(NEURONS["lif"]))
    back = from_nir(nir.read(tmp_path / "c.nir"), dt_ms=2.0)
    runs_alike(NEURONS["lif"], back, torch.rand(20, 5, 3))


def test_a_recurrent_circuit_with_biases_comes_back() -> None:
    neuron = Chain((Bias(), LIF(1.0)))
    values = {"bias": np.array([0.1, 0.2, 0.3, 0.4], np.float32), "v_threshold_1": np.full(4, 0.3, np.float32)}
    circuit = cg.Circuit().add("x", 3).add(cg.Population("h", 4, neuron, values))
    circuit = circuit.connect("x", "h", cg.Dense(), weight=cg.uniform(0, 1)).connect("h", "h", cg.Dense(), delay=1)
    circuit = circuit.connect("h", "y", cg.Dense(), units=2)
    graph = to_nir(circuit)
    assert isinstance(graph.nodes["x->h"], nir.Affine)
    assert {("h", "h->h"), ("h->h", "h")} <= set(graph.edges)
    back = from_nir(graph)
    assert back.projection("h->h").delay == 1
    assert runs_alike(circuit, back, torch.rand(15, 5, 3)).abs().sum() > 0


def test_convolutions_pools_and_flattening_come_back() -> None:
    circuit = (
        cg.Circuit()
        .add("x", (2, 6, 6))
        .connect("x", "a", cg.Conv(3, padding=1, stride=2), units=4, neuron=LIF(1.0), weight=cg.uniform(0, 20))
        .connect("a", "b", cg.Pool(3, how="mean"), neuron=LI(1.0))
        .connect("b", "y", cg.Dense(), units=2)
    )
    graph = to_nir(circuit)
    assert {type(node).__name__ for node in graph.nodes.values()} >= {"Conv2d", "AvgPool2d", "Flatten", "Linear"}
    assert graph.nodes["a"].tau.shape == (4, 3, 3)
    assert runs_alike(circuit, from_nir(graph), torch.rand(10, 3, 2, 6, 6)).abs().sum() > 0


def test_irregular_and_pruned_wiring_is_unrolled() -> None:
    circuit = (
        cg.Circuit()
        .add("x", 4)
        .connect("x", "h", cg.ErdosRenyi(0.5, seed=1), units=5, neuron=LI(1.0))
        .connect("h", "y", cg.Pruned(cg.Dense(), [0, 4, 7]), units=2)
        .connect("y", "z", cg.OneToOne(), weight=[2.0, 3.0], fixed=False)
    )
    graph = to_nir(circuit)
    assert graph.nodes["x->h"].weight.shape == (5, 4)
    assert np.count_nonzero(graph.nodes["h->y"].weight) == 3
    runs_alike(circuit, from_nir(graph), torch.rand(10, 3, 4))


def test_longer_delays_are_nodes() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, neuron=LI(0.5), delay=3)
    graph = to_nir(circuit)
    assert graph.nodes["x->y delay"].delay.tolist() == [0.0015, 0.0015]
    runs_alike(circuit, from_nir(graph, dt_ms=0.5), torch.rand(10, 3, 2))


def test_what_nir_cannot_say_is_an_error_or_a_report() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, neuron=cg.ReLU(), rule=cg.Oja(0.1))
    with pytest.raises(StructureError, match=r"population 'y': no neuron of NIR for ReLU\(\)"):
        to_nir(circuit)
    report = Report()
    graph = to_nir(circuit, report=report)
    assert [(where, what) for where, what, _ in report] == [
        ("population 'y'", "no neuron of NIR for ReLU()"),
        ("projection 'x->y'", "no learning rule in NIR (got Oja(learning_rate=0.1))"),
    ]
    assert type(graph.nodes["y"]).__name__ == "Scale"


def small(**nodes: object) -> "nir.NIRGraph":
    nodes = {"x": nir.Input({"input": np.array([2])}), **nodes, "y": nir.Output({"output": np.array([2])})}
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)))


def test_nodes_that_a_circuit_cannot_say_are_an_error_or_a_report() -> None:
    graph = small(gate=nir.Threshold(np.ones(2)))
    with pytest.raises(StructureError, match="node 'gate': no Threshold in a circuit"):
        from_nir(graph)
    report = Report()
    assert from_nir(graph, report=report).n_units == 4
    assert len(report) == 1
    assert "Threshold" in str(report)


def test_a_graph_by_hand_sums_edges_and_scales() -> None:
    nodes = {
        "x": nir.Input({"input": np.array([2])}),
        "a": nir.Affine(np.eye(2, dtype=np.float32), np.array([1.0, 2.0], np.float32)),
        "b": nir.Scale(np.array([3.0, 4.0], np.float32)),
        "li": nir.LI(*(np.full(2, v, np.float32) for v in (1e-9, 1.0, 0.0))),
        "y": nir.Output({"output": np.array([2])}),
    }
    edges = [("x", "a"), ("x", "b"), ("a", "li"), ("b", "li"), ("li", "y")]
    circuit = from_nir(nir.NIRGraph(nodes, edges))
    assert [p.name for p in circuit.populations] == ["x", "li"]
    assert cg.compile(circuit)(torch.ones(1, 2)).tolist() == [[5.0, 7.0]]
