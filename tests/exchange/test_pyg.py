"""Graphs of PyG and circuits: order, direction, types and attributes survive in both directions."""

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError, UnknownNameError
from circuitgraph.exchange import from_pyg, from_torch, to_pyg

pyg = pytest.importorskip("torch_geometric.data")
Data, HeteroData = pyg.Data, pyg.HeteroData


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and a == b


def equal(a: Data, b: Data) -> None:
    a, b = a.to_dict(), b.to_dict()
    a.pop("num_nodes", None), b.pop("num_nodes", None)
    assert a.keys() == b.keys()
    for key, value in a.items():
        assert same(value, b[key]), f"{key}: {value} and {b[key]}"


def graph() -> Data:
    return Data(
        edge_index=torch.tensor([[3, 0, 1, 2], [0, 1, 0, 2]]),
        edge_weight=torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=torch.float64),
        edge_attr=torch.arange(8.0).view(4, 2),
        x=torch.arange(12.0).view(4, 3),
        y=torch.tensor([0, 1, 1, 0]),
        train_mask=torch.tensor([True, False, True, True]),
        cell=["a", "b", "c", "d"],
        target=torch.tensor([[7.0, 8.0, 9.0]]),
        source="drawn by hand",
    )


def test_a_graph_comes_back_as_it_was() -> None:
    equal(to_pyg(from_pyg(graph())), graph())


def test_edges_run_pre_to_post_in_their_order() -> None:
    p = from_pyg(graph()).projections[0]
    assert p.topology == cg.Explicit([3, 0, 1, 2], [0, 1, 0, 2])
    assert p.weight.tolist() == [0.5, -1.0, 2.0, 0.25]
    assert p.weight.dtype == np.float64


def test_edges_without_weights_come_back_without_unless_they_changed() -> None:
    data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
    circuit = from_pyg(data)
    assert circuit.population("neurons").n_units == 3
    equal(to_pyg(circuit), data)
    assert to_pyg(circuit).num_nodes == 3
    changed = circuit.replace_projection("neurons->neurons", weight=[1.0, 2.0])
    assert to_pyg(changed).edge_weight.tolist() == [1.0, 2.0]


def test_a_circuit_that_is_a_graph_comes_back_exactly() -> None:
    circuit = cg.Circuit().add(cg.Population("cells", 4, attributes={"kind": ["a", "b", "a", "b"]}))
    circuit = circuit.connect("cells", "cells", cg.Explicit([2, 0], [1, 3]), weight=[1.5, 2.5], delay=2, sign=1,
                              name="cells->cells")  # fmt: skip
    circuit, _ = cg.RemoveSlots("cells->cells", [0]).apply(circuit)
    slots = circuit.slots("cells->cells")
    circuit = circuit.replace_projection("cells->cells", topology=cg.Explicit(slots.pre, slots.post))
    assert from_pyg(to_pyg(circuit), name="cells") == circuit


def test_a_graph_of_one_kind_keeps_the_name_of_its_edges() -> None:
    circuit = cg.Circuit().add("cells", 3).connect("cells", "cells", cg.Explicit([2, 0], [1, 2]), delay=1, name="gap")
    assert from_pyg(to_pyg(circuit), name="cells") == circuit
    assert [p.name for p in from_pyg(to_pyg(circuit)).projections] == ["gap"]


def test_neurons_and_rules_stay_behind() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, neuron=cg.ReLU(), rule=cg.Hebb(0.1))
    back = from_pyg(to_pyg(circuit))
    assert back.population("y").neuron == cg.Circuit().add("y", 2).population("y").neuron
    assert back.projections[0].rule is None
    assert back.projections[0].weight.tolist() == circuit.projections[0].weight.tolist()


def test_populations_are_node_types_and_projections_edge_types() -> None:
    circuit = (
        cg.Circuit()
        .add(cg.Population("x", 3, attributes={"label": ["a", "b", "c"]}))
        .connect("x", "y", cg.Explicit([0, 2, 1], [1, 0, 1]), units=2, weight=[1.0, 2.0, 3.0])
        .connect("y", "y", cg.Explicit([0], [1]), delay=1, weight=[0.5], fixed=True)
        .connect("x", "y", cg.Explicit([0], [0]), name="second", weight=[4.0])
    )
    data = to_pyg(circuit)
    assert data.node_types == ["x", "y"]
    assert data.edge_types == [("x", "x->y", "y"), ("y", "y->y", "y"), ("x", "second", "y")]
    assert from_pyg(data) == circuit


def test_a_graph_of_several_kinds_comes_back_as_it_was() -> None:
    data = HeteroData()
    data["user"].x, data["item"].x = torch.eye(3), torch.randn(2, 4)
    data["user", "likes", "item"].edge_index = torch.tensor([[0, 2], [1, 0]])
    data["user", "likes", "item"].edge_attr = torch.randn(2, 3)
    data["item", "likes", "user"].edge_index = torch.tensor([[0], [1]])
    data["item", "likes", "user"].edge_weight = torch.tensor([0.5])
    data["user", "knows", "user"].edge_index = torch.tensor([[0, 1], [1, 2]])
    data.note = "a few"
    circuit = from_pyg(data)
    assert [p.name for p in circuit.projections] == ["user likes item", "item likes user", "knows"]
    back = to_pyg(circuit)
    assert back.node_types == data.node_types
    assert back.edge_types == data.edge_types
    assert back.note == "a few"
    for kind in data.edge_types:
        mine = dict(back[kind].items())
        assert set(mine) == set(data[kind].keys())
        assert all(same(mine[key], value) for key, value in data[kind].items())
    assert torch.equal(back["item"].x, data["item"].x)


def test_a_convolution_as_units_and_as_neurons() -> None:
    circuit = cg.Circuit().add("x", (2, 4)).connect("x", "y", cg.Conv(3, padding=1), units=3)
    units = to_pyg(circuit)["x", "x->y", "y"]
    assert units.edge_index.shape == (2, 18)
    assert units.edge_index.tolist() == np.stack([circuit.slots("x->y").pre, circuit.slots("x->y").post]).tolist()
    neurons = to_pyg(circuit, "neuron")
    matrix = torch.zeros(12, 8)
    edges = neurons["x", "x->y", "y"]
    matrix[edges.edge_index[1], edges.edge_index[0]] += edges.edge_weight
    x = torch.randn(5, 2, 4)
    torch.testing.assert_close(x.flatten(1) @ matrix.T, cg.compile(circuit)(x).flatten(1))
    rewired = from_pyg(neurons)
    torch.testing.assert_close(cg.compile(rewired)(x.flatten(1)), cg.compile(circuit)(x).flatten(1))


def test_a_merged_graph_says_where_its_parts_come_from() -> None:
    circuit = cg.mlp([3, 4, 2])
    data = to_pyg(circuit, merged=True)
    assert (data.num_nodes, data.edge_index.shape[1], data.edge_index.dtype) == (9, 20, torch.int64)
    assert data.population.tolist() == [0] * 3 + [1] * 4 + [2] * 2
    assert data.projection.tolist() == [0] * 12 + [1] * 8
    assert data.edge_index[:, 12].tolist() == [3, 7]
    assert data.edge_weight.tolist() == [
        *circuit.projections[0].weight.tolist(),
        *circuit.projections[1].weight.tolist(),
    ]


def test_graphs_that_no_circuit_can_hold_are_refused() -> None:
    with pytest.raises(ShapeError, match="comes twice"):
        from_pyg(Data(edge_index=torch.tensor([[0, 0], [1, 1]]), num_nodes=2))
    with pytest.raises(ShapeError, match="out of range"):
        from_pyg(Data(edge_index=torch.tensor([[0], [5]]), num_nodes=2))
    with pytest.raises(ShapeError, match="no list of edges"):
        from_pyg(Data(x=torch.eye(2)))
    with pytest.raises(StructureError, match="attribute 'image' cannot be kept"):
        from_pyg(Data(edge_index=torch.tensor([[0], [1]]), image=torch.zeros(2, 3, 3), num_nodes=2))
    with pytest.raises(StructureError, match="not a graph"):
        from_pyg({"edge_index": 1})  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="expected 'unit' or 'neuron'"):
        to_pyg(cg.mlp([2, 2]), "population")  # type: ignore[arg-type]


def test_a_graph_convolution_computes_the_same_as_a_circuit() -> None:
    from torch_geometric.nn import GATConv, GCNConv

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.out = GCNConv(5, 4), GCNConv(4, 4, bias=False), torch.nn.Linear(4, 2)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            y = self.first(x, edge_index).relu()
            return self.out(torch.nn.functional.dropout(self.second(y, edge_index), training=self.training) + y)

    torch.manual_seed(0)
    x, edge_index = torch.randn(6, 5), torch.tensor([[0, 1, 2, 3, 3, 2], [1, 0, 3, 2, 3, 5]])
    module = Net().eval()
    circuit = from_torch(module, (x, edge_index))
    y = cg.compile(circuit).eval()(x.T[None])[0].T
    assert (y - module(x, edge_index)).abs().max() <= 1e-5
    assert isinstance(circuit.projection("x->first").topology, cg.GraphConv)
    module.second = GATConv(4, 4)
    with pytest.raises(StructureError, match=r"second \(GATConv\): a graph layer without fixed coefficients"):
        from_torch(module, (x, edge_index))
