import copy
import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.errors import StructureError, UnknownNameError
from circuitgraph.ir import ABSENT
from circuitgraph.views.graph import Graph, graph_of, reweighted


def given(*strategies):
    # Two dozen questions of each graph: a few graphs each, and no deadline on a machine with other work.
    return lambda test: settings(max_examples=20, deadline=None)(drawn(*strategies)(test))


WRITERS = [
    "add_node", "add_nodes_from", "remove_node", "remove_nodes_from", "add_edge", "add_edges_from", "update", "clear",
    "add_weighted_edges_from", "remove_edge", "remove_edges_from", "clear_edges",
]  # fmt: skip
# One call for a graph of networkx and for ours.
READS = {
    "nodes": lambda g: list(g.nodes(data=True)),
    "edges": lambda g: list(g.edges(data=True)),
    "weights": lambda g: list(g.edges(data="weight", default=-1)),
    "some edges": lambda g: list(g.edges([0, 1])),
    "neighbors": lambda g: {v: list(g.neighbors(v)) for v in g},
    "adjacency": lambda g: [(v, list(row.items())) for v, row in g.adjacency()],
    "degree": lambda g: dict(g.degree),
    "weighted degree": lambda g: dict(g.degree(weight="weight")),
    "degree of one": lambda g: g.degree(0),
    "degree of some": lambda g: list(g.degree([1, 0])),
    "has_edge": lambda g: [[g.has_edge(u, v) for v in range(9)] for u in range(9)],
    "edge data": lambda g: [[g.get_edge_data(u, v, "none") for v in range(9)] for u in range(9)],
    "size": lambda g: (g.size(), g.size("weight"), g.number_of_nodes(), g.number_of_edges(), g.order(), len(g)),
    "between": lambda g: g.number_of_edges(0, 1),
    "membership": lambda g: [v in g for v in (0, 99, "a", [])] + [g.has_node(0)],
    "bunch": lambda g: list(g.nbunch_iter([1, 99, 0])),
    "kind": lambda g: (g.is_directed(), g.is_multigraph(), g.name, dict(g.graph)),
    "pickled": lambda g: nx.node_link_data(g),
    "dictionaries": lambda g: nx.to_dict_of_dicts(g),
    "density": nx.density,
    "loops": lambda g: sorted(nx.selfloop_edges(g)),
    "attributes": lambda g: nx.get_node_attributes(g, "kind"),
}
DIRECTED_READS = {
    "in": lambda g: (dict(g.in_degree), dict(g.in_degree(weight="weight")), {v: set(g.predecessors(v)) for v in g}),
    "out": lambda g: (dict(g.out_degree), list(g.out_edges), {v: list(g.successors(v)) for v in g}),
    "in edges": lambda g: sorted(g.in_edges(data="weight", default=0)),
    "pred": lambda g: {v: dict(g.pred[v]) for v in g},
    "succ": lambda g: {v: dict(g.succ[v]) for v in g},
    "who": lambda g: (g.has_successor(0, 1), g.has_predecessor(0, 1)),
}
OTHERS = {
    "subgraph": lambda g: g.subgraph([2, 0, 1, 99]),
    "edge subgraph": lambda g: g.edge_subgraph([(0, 1), (1, 0), (2, 3), (7, 8)]),
    "to_undirected": lambda g: g.to_undirected(),
    "to_directed": lambda g: g.to_directed(),
}


@st.composite
def graphs(draw, directed=None):
    directed = draw(st.booleans()) if directed is None else directed
    g = nx.DiGraph(name="some") if directed else nx.Graph(name="some")
    g.add_nodes_from(draw(st.permutations(range(6))))
    for node in draw(st.sets(st.integers(0, 5))):
        g.nodes[node]["kind"] = draw(st.sampled_from(["a", "b"]))
    ends = st.integers(0, 5)
    for u, v in draw(st.lists(st.tuples(ends, ends), max_size=15)):
        g.add_edge(u, v, **draw(st.dictionaries(st.sampled_from(["weight", "delay"]), st.integers(1, 9))))
    return g


def same(a, b):
    return nx.utils.graphs_equal(a, b) and [list(row) for _, row in a.adjacency()] == [
        list(row) for _, row in b.adjacency()
    ]


@pytest.mark.parametrize("question", READS)
@given(graphs())
def test_a_graph_answers_what_networkx_asks_as_networkx_does(question, g):
    assert READS[question](Graph.from_networkx(g)) == READS[question](g)


@pytest.mark.parametrize("question", DIRECTED_READS)
@given(graphs(directed=True))
def test_a_directed_graph_knows_both_directions(question, g):
    assert DIRECTED_READS[question](Graph.from_networkx(g)) == DIRECTED_READS[question](g)


@given(graphs())
def test_to_networkx_gives_the_graph_back_with_the_order_of_neighbours(g):
    ours = Graph.from_networkx(g)
    assert same(ours.to_networkx(), g)
    assert same(ours.copy(), g)
    assert same(type(g)(ours), type(g)(g))
    if g.is_directed():
        assert [list(row) for row in ours.to_networkx().pred.values()] == [list(row) for row in g.copy().pred.values()]


@pytest.mark.parametrize("other", OTHERS)
@given(graphs())
def test_graphs_made_of_a_graph_are_those_of_networkx(other, g):
    assert nx.utils.graphs_equal(OTHERS[other](Graph.from_networkx(g)).to_networkx(), OTHERS[other](g))


@given(graphs(directed=True))
def test_turned_round_and_mutual_edges_only(g):
    ours = Graph.from_networkx(g)
    assert nx.utils.graphs_equal(ours.reverse().to_networkx(), g.reverse())
    expected = g.to_undirected(reciprocal=True)
    assert nx.utils.graphs_equal(ours.to_undirected(reciprocal=True).to_networkx(), expected)


@given(graphs())
def test_arrays_hold_what_the_matrix_of_networkx_holds(g):
    nodes = list(g)
    a = Graph.from_networkx(g).arrays()
    np.testing.assert_array_equal(a.matrix.toarray(), nx.to_numpy_array(g, nodes))
    assert a.n_edges == g.number_of_edges()
    plain = Graph.from_networkx(g).arrays(None)
    assert plain.weight is None
    np.testing.assert_array_equal(plain.matrix.toarray(), nx.to_numpy_array(g, nodes, weight=None))


@given(graphs())
def test_edges_given_by_number_make_the_same_graph(g):
    at = {v: i for i, v in enumerate(g)}
    pre, post = ([at[edge[end]] for edge in g.edges] for end in (0, 1))
    ours = Graph.from_edges(list(g), pre, post, directed=g.is_directed())
    assert set(ours.edges) == set(g.edges)
    assert [a.tolist() for a in ours.ends()] == [[at[edge[end]] for edge in ours.edges] for end in (0, 1)]


def test_another_attribute_and_another_default_can_weigh():
    g = Graph.from_edges("abc", [0, 1], [1, 2], {"delay": np.array([3, ABSENT], dtype=object)})
    assert g.arrays("delay", 0.5).weight.tolist() == [3.0, 0.5]
    assert g.arrays("missing", 2.0).weight.tolist() == [2.0, 2.0]
    assert g.arrays("missing").weight is None
    assert g.arrays("delay") is g.arrays("delay")


def test_weights_that_are_no_numbers_are_left_to_networkx():
    with pytest.raises(NotImplementedError, match="edge attribute 'weight': not numbers"):
        Graph.from_edges("ab", [0], [1], {"weight": np.array(["heavy"], dtype=object)}).arrays()


def test_a_graph_that_has_been_read_can_be_copied_and_sent_elsewhere():
    g = Graph.from_edges("ab", [0], [1], {"weight": np.array([ABSENT])})
    nx.node_link_data(g)
    for other in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g)):
        assert same(other.to_networkx(), g.to_networkx())


def test_weights_beyond_floats_are_left_to_networkx():
    with pytest.raises(NotImplementedError, match="too large"):
        Graph.from_edges("ab", [0], [1], {"weight": np.array([10**400], dtype=object)}).arrays()


def test_a_multigraph_is_not_read():
    with pytest.raises(NotImplementedError, match="multigraph"):
        Graph.from_networkx(nx.MultiGraph([(0, 1)]))


@pytest.mark.parametrize("directed", [True, False])
def test_an_edge_that_comes_twice_is_refused_with_its_names(directed):
    ends = ([0, 1, 0], [1, 2, 1]) if directed else ([0, 1, 1], [1, 2, 0])
    with pytest.raises(StructureError, match=r"edge '.' -> '.' comes twice"):
        Graph.from_edges("abc", *ends, directed=directed)


def test_nodes_of_one_name_are_refused():
    with pytest.raises(StructureError, match="label 'a' names nodes 0 and 1"):
        Graph.from_edges("aa", [], [])


@pytest.mark.parametrize("writer", WRITERS)
def test_whatever_would_change_a_graph_is_refused_and_says_how_to_mend_it(writer):
    g = Graph.from_edges("ab", [0], [1])
    with pytest.raises(StructureError, match=r"never changes .* copy\(\) gives a networkx graph"):
        getattr(g, writer)("a", "b")
    with pytest.raises(TypeError, match="does not support item assignment"):
        g["a"]["b"]["weight"] = 3
    assert nx.is_frozen(g)


def test_an_undirected_graph_has_no_directions_to_ask_about():
    g = Graph.from_edges("ab", [0], [1], directed=False)
    for name in ("succ", "_succ", "pred", "_pred", "in_degree", "out_degree", "in_edges", "out_edges"):
        assert not hasattr(g, name)


def test_a_node_that_is_not_there_is_networkx_s_error():
    g = Graph.from_edges("ab", [0], [1])
    for ask in (g.neighbors, g.successors, g.predecessors):
        with pytest.raises(nx.NetworkXError, match="z is not in"):
            ask("z")
    with pytest.raises(KeyError):
        g["z"]


# Circuits


def layers(weight=(1.0, -1.0)):
    return cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=np.array(weight))


@pytest.mark.parametrize("level", ["unit", "neuron"])
def test_the_graph_of_a_circuit_is_that_of_to_networkx(level):
    c = cg.Circuit().add("x", (1, 4)).connect("x", "y", cg.Conv(3, padding=1), units=2)
    c = c.connect("y", "y", cg.Conv(1), delay=1)
    assert nx.utils.graphs_equal(c.graph(level).to_networkx(), cg.to_networkx(c, level))


def test_a_labelled_graph_keeps_its_names_and_attributes():
    g = nx.DiGraph(species="C. elegans")
    g.add_node("AVAL", kind="inter")
    g.add_edge("AVAL", "VA1", weight=3.0, type="chemical")
    c = cg.from_networkx(g)
    assert nx.utils.graphs_equal(c.graph().to_networkx(), g)
    assert c.graph(label=None).names == [("neurons", 0), ("neurons", 1)]


def test_parallel_projections_are_added_up():
    c = layers().connect("x", "y", cg.Dense(), weight=[3.0, 4.0], name="again")
    edges = list(c.graph().edges(data=True))
    assert edges == [
        (("x", 0), ("y", 0), {"weight": 4.0, "projection": "x->y", "delay": 0, "n_slots": 2, "n_synapses": 2}),
        (("x", 1), ("y", 0), {"weight": 3.0, "projection": "x->y", "delay": 0, "n_slots": 2, "n_synapses": 2}),
    ]


def test_without_directions_both_are_added_up_and_a_loop_counts_once():
    c = cg.from_networkx(nx.DiGraph([(0, 1, {"weight": 2.0}), (1, 0, {"weight": 3.0}), (1, 1, {"weight": 7.0})]))
    g = c.graph(directed=False)
    assert list(g.edges(data="weight")) == [(0, 1, 5.0), (1, 1, 7.0)]
    assert not g.is_directed()


def test_populations_weigh_all_their_slots():
    c = layers((2.0, 3.0)).connect("y", "x", cg.Dense(), weight=[10.0, 10.0], delay=1)
    assert list(c.graph("population").edges(data="weight")) == [("x", "y", 5.0), ("y", "x", 20.0)]
    assert c.graph("population", directed=False).edges["x", "y"]["weight"] == 25.0
    assert c.graph("population").nodes["x"]["n_units"] == 2


def test_edges_without_a_weight_count_as_one_where_they_are_added_up():
    c = cg.from_networkx(nx.DiGraph([("a", "b"), ("b", "a")]))
    assert dict(c.graph().edges["a", "b"]) == {}
    assert c.graph(directed=False).edges["a", "b"]["weight"] == 2.0


def test_another_level_is_refused():
    with pytest.raises(UnknownNameError, match="level 'synapse'"):
        layers().graph("synapse")


def test_the_graph_is_made_once_and_does_not_travel_with_copies():
    c = layers()
    assert c.graph() is c.graph()
    for other in (pickle.loads(pickle.dumps(c)), copy.deepcopy(c), c.replace_projection("x->y", weight=[0.0, 0.0])):
        assert other.graph() is not c.graph()


def test_a_circuit_stands_for_the_graph_of_its_units():
    c = layers()
    assert list(c) == list(c.nodes) == [("x", 0), ("x", 1), ("y", 0)]
    assert (len(c), ("x", 1) in c, ("x", 9) in c, c.has_edge(("x", 0), ("y", 0))) == (3, True, False, True)
    assert c["x", 1]["y", 0]["weight"] == -1.0
    assert (c.is_directed(), c.is_multigraph(), dict(c.in_degree)["y", 0]) == (True, False, 2)
    with pytest.raises(StructureError, match="never changes"):
        c.add_edge("a", "b")
    with pytest.raises(AttributeError, match="no attribute 'edgess'"):
        c.edgess  # noqa: B018


def test_an_empty_circuit_is_a_graph_without_nodes_and_not_false():
    assert len(cg.Circuit()) == 0
    assert cg.Circuit()
    for level in ("population", "unit", "neuron"):
        assert len(cg.Circuit().graph(level)) == 0


def test_what_is_not_called_is_the_attributes_of_the_whole():
    c = cg.from_networkx(nx.DiGraph([(0, 1)], species="fly"))
    assert dict(c.graph) == {"species": "fly"}
    assert c.graph["species"] == "fly"
    assert nx.utils.graphs_equal(nx.DiGraph(c), cg.to_networkx(c))


@pytest.mark.parametrize("level", ["unit", "neuron", "population"])
@pytest.mark.parametrize("directed", [True, False])
def test_new_weights_find_their_edges_in_the_old_structure(level, directed):
    c = (
        cg.Circuit()
        .add("x", (1, 4))
        .connect("x", "y", cg.Conv(3, padding=1), units=2)
        .connect("x", "y", cg.Conv(1), name="b")
    )
    c = c.connect("y", "x", cg.Conv(1), delay=1)
    rng = np.random.default_rng(0)
    for p in c.projections:
        c = c.replace_projection(p.name, weight=rng.normal(size=p.n_slots))
    old = c.graph(level, directed=directed)
    for p in c.projections:
        c = c.replace_projection(p.name, weight=rng.normal(size=p.n_slots))
    new = reweighted(old, c, level=level, directed=directed)
    expected = graph_of(c, level, directed=directed)
    assert new.names == expected.names
    np.testing.assert_allclose(new.arrays().matrix.toarray(), expected.arrays().matrix.toarray())
    assert level == "population" or new.post is old.post


@pytest.mark.parametrize("values", [[1, 2, 3], [0.5, 0.25, 2.0], [1, ABSENT, 2.5], [True, False, True], [2**80, 1, 1]])
@pytest.mark.parametrize("directed", [True, False])
def test_degrees_add_weights_up_as_networkx_does(values, directed):
    g = nx.DiGraph() if directed else nx.Graph()
    g.add_edges_from(
        (u, v, {} if w is ABSENT else {"weight": w}) for (u, v), w in zip([(0, 1), (1, 1), (2, 1)], values, strict=True)
    )
    ours = Graph.from_networkx(g)
    assert dict(ours.degree(weight="weight")) == dict(g.degree(weight="weight"))
    assert dict(ours.degree([2, 1, 99], "weight")) == dict(g.degree([2, 1, 99], "weight"))
    assert (ours.degree(1, "weight"), ours.degree[1], len(ours.degree)) == (g.degree(1, "weight"), g.degree[1], 3)
    assert nx.degree_histogram(ours) == nx.degree_histogram(g)
