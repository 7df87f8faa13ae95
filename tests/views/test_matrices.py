import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.views import from_adjacency, to_adjacency, to_networkx

MATRIX = np.array([[0, 2, 0], [0, 0, -3], [4, 0, 5]])
SQUARES = hnp.arrays(np.float64, st.integers(1, 5).map(lambda n: (n, n)), elements=st.sampled_from([0.0, 1.5, -2.0]))


def test_rows_are_pre_and_columns_are_post():
    graph = to_networkx(from_adjacency(MATRIX, ["a", "b", "c"]))
    assert list(graph.edges(data="weight")) == [("a", "b", 2.0), ("b", "c", -3.0), ("c", "a", 4.0), ("c", "c", 5.0)]


@given(SQUARES)
def test_a_matrix_survives_the_round_trip(matrix):
    assert np.array_equal(to_adjacency(from_adjacency(matrix)).toarray(), matrix)


@pytest.mark.parametrize("layout", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", [sp.coo_array, sp.coo_matrix])
def test_every_sparse_layout_gives_the_circuit_of_the_dense_matrix(layout, kind):
    assert from_adjacency(kind(MATRIX).asformat(layout)) == from_adjacency(MATRIX)


def test_numbers_stored_twice_are_summed_and_stored_zeros_are_edges():
    stored = sp.coo_array(([1.0, 2.0, 0.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    circuit = from_adjacency(stored)
    assert circuit.projections[0].weight.tolist() == [3.0, 0.0]
    assert stored.nnz == 3
    assert to_adjacency(circuit).nnz == 2


def test_labels_are_numbers_by_default():
    assert list(to_networkx(from_adjacency(MATRIX))) == [0, 1, 2]


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_with_their_place(wrap, bad):
    matrix = np.zeros((3, 3))
    matrix[1, 2] = bad
    with pytest.raises(NumericError, match="at row 1, column 2"):
        from_adjacency(wrap(matrix))


@pytest.mark.parametrize(
    ("matrix", "labels", "error", "message"),
    [
        (np.zeros((2, 3)), None, ShapeError, r"not square \(got shape \(2, 3\)"),
        (np.zeros(4), None, ShapeError, "not square"),
        (np.zeros((2, 2)), ["a"], ShapeError, "got 1 labels, expected 2"),
        (np.zeros((2, 2)), ["a", "a"], StructureError, "labels are unique"),
        (np.zeros((2, 2), complex), None, NumericError, "not real numbers"),
        (np.array([["a"]]), None, NumericError, "not real numbers"),
        (np.zeros((0, 0)), None, ShapeError, "no nodes"),
    ],
)
def test_what_is_no_adjacency_is_refused(matrix, labels, error, message):
    with pytest.raises(error, match=message):
        from_adjacency(matrix, labels)


@pytest.mark.parametrize("name", list(registry.topologies))
def test_the_neuron_matrix_does_what_the_synapses_do(name):
    for topology, pre, post in registry.topologies[name].examples():
        weight = np.arange(1.0, topology.n_slots(pre, post) + 1)
        circuit = cg.Circuit().add("x", pre).add("y", post).connect("x", "y", topology, weight=weight)
        table, n = circuit.synapses("x->y"), cg.ir.n_neurons(pre)
        expected = np.zeros((n, cg.ir.n_neurons(post)))
        np.add.at(expected, (table.pre, table.post), table.coef * weight[table.slot])
        np.testing.assert_allclose(to_adjacency(circuit, "neuron").toarray()[:n, n:], expected, rtol=1e-12)


def test_parallel_projections_are_summed():
    circuit = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=1, weight=1.0)
    circuit = circuit.connect("x", "y", cg.Dense(), weight=2.0, name="again")
    assert to_adjacency(circuit).toarray().tolist() == [[0.0, 3.0], [0.0, 0.0]]


def test_there_is_no_matrix_of_populations_and_none_above_the_limit():
    with pytest.raises(UnknownNameError, match="level 'population': no matrix"):
        to_adjacency(from_adjacency(MATRIX), "population")
    with pytest.raises(ShapeError, match="too many slots"):
        to_adjacency(from_adjacency(MATRIX), max_edges=3)
