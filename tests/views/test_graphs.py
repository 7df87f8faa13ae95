from collections import UserDict, defaultdict
from functools import partial

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.views import columns, from_networkx, to_networkx

LABELS = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.tuples(st.integers(0, 2), st.text(max_size=1)))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=3),
    st.tuples(st.integers(), st.text(max_size=2)), st.lists(st.integers(), max_size=2),
)  # fmt: skip
NAMES = st.sampled_from(["type", "side", "x"])
WEIGHTS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def digraphs(draw):
    labels = draw(st.lists(LABELS, min_size=1, max_size=6, unique=True))
    graph = nx.DiGraph()
    for label in labels:
        graph.add_node(label, **draw(st.dictionaries(NAMES, VALUES, max_size=2)))
    ends = st.sampled_from(labels)
    for pre, post in draw(st.lists(st.tuples(ends, ends), max_size=10, unique=True)):
        data = draw(st.dictionaries(NAMES, VALUES, max_size=2))
        if draw(st.booleans()):
            data["weight"] = draw(WEIGHTS)
        graph.add_edge(pre, post, **data)
    return graph


def wired(weight, topology, pre, post):
    return cg.Circuit().add("x", pre).add("y", post).connect("x", "y", topology, weight=np.array(weight))


@given(digraphs())
def test_a_digraph_survives_the_round_trip_with_names_attributes_and_order(graph):
    back = to_networkx(from_networkx(graph))
    assert list(back.nodes(data=True)) == list(graph.nodes(data=True))
    assert list(back.edges(data=True)) == list(graph.edges(data=True))
    for node, data in graph.nodes(data=True):
        assert {k: type(v) for k, v in back.nodes[node].items()} == {k: type(v) for k, v in data.items()}


@given(digraphs())
def test_a_circuit_made_of_a_graph_survives_the_way_back(graph):
    circuit = from_networkx(graph)
    assert from_networkx(to_networkx(circuit)) == circuit
    assert from_networkx(to_networkx(circuit, "neuron")) == circuit


def test_edges_run_pre_to_post():
    circuit = from_networkx(nx.DiGraph([("pre", "post")]))
    slots = circuit.slots("neurons->neurons")
    labels = circuit.population("neurons").attributes["label"]
    assert (labels[slots.pre].tolist(), labels[slots.post].tolist()) == (["pre"], ["post"])


def test_zero_and_negative_weights_are_kept():
    graph = nx.DiGraph()
    graph.add_weighted_edges_from([(0, 1, 0), (1, 0, -2.5), (1, 1, 3)])
    assert from_networkx(graph).projections[0].weight.tolist() == [0.0, -2.5, 3.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "3", None, 1j, np.nan, 10**400])
def test_a_weight_that_is_not_a_finite_number_is_refused_with_its_edge(bad):
    with pytest.raises(NumericError, match="edge 'a' -> 'b': weight is not a finite number"):
        from_networkx(nx.DiGraph([("a", "b", {"weight": bad})]))


def test_an_edge_without_weight_counts_as_one_and_shows_it_once_it_has_changed():
    circuit = from_networkx(nx.DiGraph([("a", "b"), ("b", "a")]))
    assert circuit.projections[0].weight.tolist() == [1.0, 1.0]
    trained = circuit.replace_projection("neurons->neurons", weight=np.array([1.0, 0.5]))
    assert list(to_networkx(trained).edges(data="weight")) == [("a", "b", None), ("b", "a", 0.5)]


def test_without_a_weight_the_attribute_is_one_like_any_other():
    graph = nx.DiGraph([("a", "b", {"weight": 3})])
    circuit = from_networkx(graph, weight=None)
    assert circuit.projections[0].weight.tolist() == [1.0]
    assert nx.utils.graphs_equal(to_networkx(circuit, weight=None), graph)


def test_another_attribute_can_be_the_weight():
    graph = nx.DiGraph([("a", "b", {"synapses": 3, "weight": 9})])
    circuit = from_networkx(graph, weight="synapses")
    assert circuit.projections[0].weight.tolist() == [3.0]
    assert nx.utils.graphs_equal(to_networkx(circuit, weight="synapses"), graph)


@pytest.mark.parametrize("at", [0, 4])
@pytest.mark.parametrize("kind", [dict, UserDict, partial(defaultdict, list)], ids=["dict", "UserDict", "defaultdict"])
def test_an_attribute_of_a_single_edge_is_kept_whatever_mapping_holds_it(kind, at, monkeypatch):
    monkeypatch.setattr(columns, "AT_ONCE", 2)
    graph = nx.path_graph(6, create_using=nx.DiGraph)
    for u, v in [*graph.edges][:4]:
        graph[u][v]["weight"] = 2.0
    u, v = [*graph.edges][at]
    graph._succ[u][v] = graph._pred[v][u] = kind({"sign": -1})
    projection = from_networkx(graph).projections[0]
    assert [k for k, sign in enumerate(projection.attributes["sign"]) if sign == -1] == [at]
    assert projection.weight.tolist() == [1.0 if k in (at, 4) else 2.0 for k in range(5)]
    assert list(graph[u][v]) == ["sign"]


def test_an_undirected_edge_becomes_both_directions_and_a_loop_one():
    circuit = from_networkx(nx.Graph([("a", "b", {"weight": 2}), ("b", "b", {"weight": 3})]))
    assert list(to_networkx(circuit).edges(data="weight")) == [("a", "b", 2.0), ("b", "a", 2.0), ("b", "b", 3.0)]


def test_parallel_edges_are_refused_unless_they_are_summed():
    edges = [
        ("a", "b", {"weight": 2, "type": "chemical"}),
        ("a", "b", {"weight": 3, "type": "electrical"}),
        ("b", "a", {}),
    ]
    graph = nx.MultiDiGraph(edges)
    with pytest.raises(StructureError, match="edge 'a' -> 'b' comes twice; pass merge='sum'"):
        from_networkx(graph)
    back = to_networkx(from_networkx(graph, merge="sum"))
    assert list(back.edges(data=True)) == [("a", "b", {"weight": 5.0, "type": "chemical"}), ("b", "a", {})]
    with pytest.raises(UnknownNameError, match="merge 'mean'"):
        from_networkx(graph, merge="mean")


def test_a_multigraph_without_parallel_edges_needs_no_merging():
    assert from_networkx(nx.MultiGraph([(0, 1)])).n_slots == 2


def test_a_graph_without_nodes_is_refused():
    with pytest.raises(ShapeError, match="no nodes"):
        from_networkx(nx.DiGraph())


def test_a_node_attribute_in_the_way_of_labels_is_refused_and_another_name_mends_it():
    graph = nx.DiGraph()
    graph.add_node("a", label="ADAL")
    with pytest.raises(StructureError, match="pass another label="):
        from_networkx(graph)
    assert nx.utils.graphs_equal(to_networkx(from_networkx(graph, label="name"), label="name"), graph)


def test_an_array_as_attribute_is_refused():
    graph = nx.DiGraph()
    graph.add_node("a", pos=np.zeros(2))
    with pytest.raises(StructureError, match="node attribute 'pos': an array"):
        from_networkx(graph)


def test_numpy_scalars_become_python_numbers():
    graph = nx.DiGraph()
    graph.add_node(np.int64(3), size=np.float32(0.5))
    ((node, data),) = to_networkx(from_networkx(graph)).nodes(data=True)
    assert (type(node), type(data["size"])) == (int, float)


def test_name_and_delay_can_be_chosen():
    circuit = from_networkx(nx.DiGraph([(0, 1)]), name="worm", delay=2)
    assert circuit.projection("worm->worm").delay == 2


def test_the_population_view_describes_populations_and_projections():
    circuit = cg.Circuit().add("x", (2, 4, 4)).connect("x", "y", cg.Conv(3), units=3, name="conv")
    graph = to_networkx(circuit, "population")
    assert graph.nodes["x"] == {"shape": (2, 4, 4), "neuron": "None", "n_units": 2, "n_neurons": 32}
    assert graph.edges["x", "y", "conv"] == {
        "topology": "Conv(kernel=3)", "rule": "None", "fixed": False, "delay": 0, "port": "in",
        "n_slots": 54, "n_synapses": 216,
    }  # fmt: skip


def test_the_unit_view_sums_the_slots_between_two_units():
    circuit = wired([1.0, 2.0, 3.0], cg.Conv(3), (1, 4), (1, 2))
    circuit = circuit.replace_population("x", attributes={"side": np.array(["left"])})
    graph = to_networkx(circuit)
    assert graph.nodes["x", 0] == {"population": "x", "unit": 0, "side": "left"}
    assert list(graph.edges(data=True)) == [
        (("x", 0), ("y", 0), {"weight": 6.0, "projection": "x->y", "delay": 0, "n_slots": 3, "n_synapses": 6})
    ]


def test_the_neuron_view_has_the_effect_of_one_neuron_on_another():
    graph = to_networkx(wired([2.0], cg.Pool(2, how="mean"), (1, 4), (1, 2)), "neuron")
    assert graph.nodes["x", 3] == {"population": "x", "neuron": 3, "unit": 0, "site": 3}
    assert graph["x", 3]["y", 1]["weight"] == 1.0
    assert graph.number_of_edges() == 4


def test_two_projections_between_two_populations_make_a_multigraph():
    circuit = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=1, weight=1.0)
    assert not to_networkx(circuit).is_multigraph()
    circuit = circuit.connect("x", "y", cg.Dense(), weight=2.0, name="again")
    edges = to_networkx(circuit).edges(keys=True, data="weight")
    assert list(edges) == [(("x", 0), ("y", 0), "x->y", 1.0), (("x", 0), ("y", 0), "again", 2.0)]


def test_slot_attributes_show_where_no_two_slots_share_an_edge():
    circuit = wired([1.0, 2.0], cg.Dense(), (2,), (1,))
    circuit = circuit.replace_projection("x->y", attributes={"sign": np.array([1, cg.ABSENT], dtype=object)})
    edges = to_networkx(circuit).edges
    assert edges[("x", 0), ("y", 0)]["sign"] == 1
    assert "sign" not in edges[("x", 1), ("y", 0)]
    circuit = wired([1.0, 2.0], cg.Conv(2), (1, 3), (1, 2))
    circuit = circuit.replace_projection("x->y", attributes={"sign": np.array([1, -1])})
    assert "sign" not in to_networkx(circuit).edges[("x", 0), ("y", 0)]


def test_an_attribute_in_the_way_of_the_view_is_refused():
    circuit = wired([1.0, 2.0], cg.Dense(), (2,), (1,))
    with pytest.raises(StructureError, match="attribute 'delay' has the name"):
        to_networkx(circuit.replace_projection("x->y", attributes={"delay": np.zeros(2)}))
    with pytest.raises(StructureError, match="attribute 'unit' has the name"):
        to_networkx(circuit.replace_population("x", attributes={"unit": np.zeros(2)}))


def test_a_unit_without_label_is_called_by_population_and_number():
    circuit = from_networkx(nx.DiGraph([("a", "b")]))
    labels = np.array(["a", cg.ABSENT], dtype=object)
    graph = to_networkx(circuit.replace_population("neurons", attributes={"label": labels}))
    assert list(graph.edges) == [("a", ("neurons", 1))]


def test_labels_that_are_not_unique_are_refused_and_numbers_mend_it():
    circuit = from_networkx(nx.DiGraph([("a", "b")])).replace_population("neurons", attributes={"label": ["a", "a"]})
    with pytest.raises(StructureError, match="names two units 'a'; pass label=None"):
        to_networkx(circuit)
    graph = to_networkx(circuit, label=None)
    assert graph.nodes["neurons", 1] == {"population": "neurons", "unit": 1, "label": "a"}


def test_a_large_view_is_refused_before_anything_is_listed(monkeypatch):
    circuit = wired(np.ones(2592), cg.Conv(3, padding=1), (3, 32, 32), (96, 32, 32))
    monkeypatch.setattr(cg.Topology, "synapses", None)
    with pytest.raises(ShapeError, match="too many synapses"):
        to_networkx(circuit, "neuron")
    with pytest.raises(ShapeError, match="too many slots"):
        to_networkx(circuit, max_edges=2591)
    assert to_networkx(circuit, max_edges=2592).number_of_edges() == 288


def test_an_empty_circuit_gives_an_empty_graph():
    for level in ("population", "unit", "neuron"):
        assert len(to_networkx(cg.Circuit(), level)) == 0


def test_attributes_of_the_graph_itself_survive_the_round_trip() -> None:
    g = nx.DiGraph(name="tiny", species="C. elegans", year=1986)
    g.add_edge("AVAL", "VA1", weight=2.0)
    circuit = cg.from_networkx(g)
    assert dict(circuit.attributes) == g.graph
    assert cg.to_networkx(circuit).graph == g.graph
