from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Topology
from circuitgraph.topologies import GraphConv, GraphEdges

N = 6
edge_lists = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), unique=True, max_size=20)


def adjacency(edges: list[tuple[int, int]]) -> np.ndarray:
    """Write edges into a matrix (post, pre)."""
    out = np.zeros((N, N))
    for pre, post in edges:
        out[post, pre] = 1
    return out


def columns(edges: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [pre for pre, _ in edges], [post for _, post in edges]


def apply(law: Topology, pre: tuple[int, int], post: tuple[int, int], w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum over synapses, one at a time."""
    table, out = law.synapses(pre, post), np.zeros(post[0] * post[1])
    for p, q, s, c in zip(table.pre, table.post, table.slot, table.coef, strict=True):
        out[q] += c * w[s] * x.reshape(-1)[p]
    return out.reshape(post)


@settings(deadline=None)
@given(edge_lists, st.sampled_from(["symmetric", "mean", "sum"]), st.booleans())
def test_graph_convolution_is_its_matrix_formula(edges: list[tuple[int, int]], norm: Any, self_loops: bool) -> None:
    law, rng = GraphConv(*columns(edges), norm, self_loops), np.random.default_rng(0)
    a = np.maximum(adjacency(edges), np.eye(N)) if self_loops else adjacency(edges)
    degree = np.maximum(a.sum(axis=1), 1)
    scale = {"sum": a, "mean": a / degree[:, None], "symmetric": a / np.sqrt(np.outer(degree, degree))}[norm]
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((3, N))
    np.testing.assert_allclose(apply(law, (3, N), (2, N), w.reshape(-1), x), w @ x @ scale.T, rtol=0, atol=1e-12)
    slots, table = law.slots((3, N), (2, N)), law.synapses((3, N), (2, N))
    assert len(table) == law.n_synapses((3, N), (2, N)) == slots.count.sum()
    table.check((3, N), (2, N), 6)


@settings(deadline=None)
@given(edge_lists)
def test_symmetric_coefficients_are_those_of_gcn_norm(edges: list[tuple[int, int]]) -> None:
    law = GraphConv(*columns(edges))
    index = torch.tensor(columns(edges), dtype=torch.long).view(2, -1)
    (pre, post), coef = gcn_norm(index, None, N, dtype=torch.float64)
    expected = np.zeros((N, N))
    expected[post.numpy(), pre.numpy()] = coef.numpy()
    ours = np.zeros((N, N))
    at_pre, at_post, mine = law.edges(N)
    ours[at_post, at_pre] = mine
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-15)


def test_without_self_loops_symmetric_graphs_are_normalised_as_by_gcn_norm() -> None:
    edges = [(0, 1), (1, 0), (1, 2), (2, 1), (3, 1), (1, 3)]
    law = GraphConv(*columns(edges), self_loops=False)
    (_, coef) = gcn_norm(torch.tensor(columns(edges)), None, N, add_self_loops=False, dtype=torch.float64)
    np.testing.assert_allclose(law.edges(N)[2], coef.numpy(), rtol=0, atol=1e-15)


def test_a_node_that_hears_nobody_counts_as_one_of_degree_one() -> None:
    assert GraphConv([0], [1], self_loops=False).edges(2)[2].tolist() == [1.0]


@settings(max_examples=20, deadline=None)
@given(edge_lists)
def test_graph_convolution_is_gcn_conv(edges: list[tuple[int, int]]) -> None:
    law, rng = GraphConv(*columns(edges)), np.random.default_rng(0)
    layer = GCNConv(3, 2, bias=False).double()
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((3, N))
    with torch.no_grad():
        layer.lin.weight.copy_(torch.from_numpy(w))
        expected = (
            layer(torch.from_numpy(x.T.copy()), torch.tensor(columns(edges), dtype=torch.long).view(2, -1)).numpy().T
        )
    np.testing.assert_allclose(apply(law, (3, N), (2, N), w.reshape(-1), x), expected, rtol=0, atol=1e-12)


@given(edge_lists)
def test_edge_weights_are_shared_by_all_features(edges: list[tuple[int, int]]) -> None:
    law, rng = GraphEdges(*columns(edges)), np.random.default_rng(0)
    w, x = rng.standard_normal(len(edges)), rng.standard_normal((3, N))
    matrix = np.zeros((N, N))
    for k, (pre, post) in enumerate(edges):
        matrix[post, pre] = w[k]
    np.testing.assert_allclose(apply(law, (3, N), (3, N), w, x), x @ matrix.T, rtol=0, atol=1e-12)
    slots = law.slots((3, N), (3, N))
    assert (slots.pre_end, slots.post_end) == ("site", "site")
    assert slots.count.sum() == law.n_synapses((3, N), (3, N))
    slots.check((3, N), (3, N))


@pytest.mark.parametrize("kind", [GraphEdges, GraphConv])
def test_edges_of_a_torch_geometric_graph_are_taken_as_they_are(kind: Any) -> None:
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
    assert kind(*edge_index) == kind([0, 1, 2], [1, 2, 0])


@pytest.mark.parametrize(
    ("law", "pre", "post", "message"),
    [
        (GraphEdges([0], [1]), (3,), (3,), r"sites are the nodes of one graph \(got shape \(3,\)"),
        (GraphEdges([0], [1]), (3, 2), (2, 2), "postsynaptic shape does not fit"),
        (GraphEdges([0], [2]), (3, 2), (3, 2), r"post out of range \(got 2, expected 0 to 1\)"),
        (GraphConv([5], [1]), (3, 2), (3, 2), r"pre out of range \(got 5"),
        (GraphConv([0], [1]), (3, 2), (3, 4), "sites differ"),
        (GraphConv([], [], self_loops=False), (3, 2), (3, 2), "the graph has no edge"),
    ],
)
def test_graphs_that_do_not_fit_are_named(law: Topology, pre: Any, post: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        law.check(pre, post)


def test_an_edge_that_comes_twice_and_an_unknown_norm_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"GraphEdges: pair 0 -> 1 comes twice; merge its weights"):
        GraphEdges([0, 2, 0], [1, 1, 1])
    with pytest.raises(ShapeError, match=r"GraphConv: unknown norm \(got 'max'"):
        GraphConv([0], [1], "max")  # type: ignore[arg-type]
