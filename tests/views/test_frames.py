import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import circuitgraph as cg
from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.views import from_networkx, from_pandas, to_networkx, to_pandas

EDGES = pd.DataFrame(
    {
        "pre": ["b", "a", "b"],
        "post": ["a", "a", "c"],
        "weight": [1.5, -2.0, 0.0],
        "type": ["x", "y", "x"],
        "n": [1, 2, 3],
    }
)
NODES = pd.DataFrame({"side": [0, 1, 0, 1], "label": ["a", "b", "c", "d"], "class": ["K", np.nan, "P", "K"]})

# Keeps a column from being one of floats, or of one plain type, which it would come back as.
LAST = {"type": "x", "mixed": (1,)}
LABELS = st.text("abc", min_size=1, max_size=2)


@st.composite
def edge_tables(draw):
    pairs = draw(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=8, unique=True))
    n = len(pairs)
    columns = {
        "weight": st.floats(allow_nan=False, allow_infinity=False),
        "count": st.integers(-(2**63), 2**63 - 1),
        "sure": st.booleans(),
        "at_mm": st.floats(),
        "type": st.one_of(st.text("xy", max_size=2), st.just(np.nan)),
        "mixed": st.one_of(st.integers(), st.text("xy"), st.none(), st.just(np.nan), st.tuples(st.integers())),
    }
    table = pd.DataFrame({"pre": [a for a, _ in pairs], "post": [b for _, b in pairs]})
    if draw(st.booleans()):
        table["weight"] = draw(st.lists(columns["weight"], min_size=n, max_size=n))
    for name in draw(st.lists(st.sampled_from([k for k in columns if k != "weight"]), unique=True)):
        values = draw(st.lists(columns[name], min_size=n, max_size=n))
        if name in LAST:
            values[-1] = LAST[name]
        table[name] = pd.Series(values, dtype=object) if name == "mixed" else values
    return table


@given(edge_tables())
def test_a_table_of_edges_survives_the_round_trip(table):
    assert_frame_equal(to_pandas(from_pandas(table)).edges, table)


@given(edge_tables())
def test_a_circuit_made_of_tables_survives_the_way_back(table):
    circuit = from_pandas(table)
    tables = to_pandas(circuit)
    assert from_pandas(tables.edges, tables.nodes) == circuit


def test_names_attributes_and_order_of_both_tables_survive():
    tables = to_pandas(from_pandas(EDGES, NODES))
    assert_frame_equal(tables.edges, EDGES)
    assert_frame_equal(tables.nodes, NODES)


def test_without_a_table_nodes_come_in_order_of_first_appearance():
    assert from_pandas(EDGES).population("neurons").attributes["label"].tolist() == ["b", "a", "c"]


def test_tables_and_networkx_give_the_same_circuit():
    circuit = from_pandas(EDGES, NODES)
    assert sorted(to_networkx(circuit).edges(data="weight")) == [("a", "a", -2.0), ("b", "a", 1.5), ("b", "c", 0.0)]
    assert to_networkx(circuit).nodes["b"] == {"side": 1}
    by_node = EDGES.sort_values("pre", kind="stable", ignore_index=True)
    circuit = from_pandas(by_node, NODES)
    assert from_networkx(to_networkx(circuit)) == circuit


def test_without_a_weight_column_all_weights_are_one_and_stay_out_of_the_table():
    table = EDGES.drop(columns="weight")
    circuit = from_pandas(table)
    assert circuit.projections[0].weight.tolist() == [1.0] * 3
    assert_frame_equal(to_pandas(circuit).edges, table)
    trained = circuit.replace_projection("neurons->neurons", weight=np.array([1.0, 2.0, 1.0]))
    assert to_pandas(trained).edges["weight"].tolist() == [1.0, 2.0, 1.0]


def test_columns_may_have_other_names():
    table = EDGES.rename(columns={"pre": "Source", "post": "Target", "weight": "Weight"})
    circuit = from_pandas(table, pre="Source", post="Target", weight="Weight", label="cell")
    assert_frame_equal(to_pandas(circuit, weight="weight", label="cell").edges, EDGES)


def test_dates_and_nullable_types_are_kept_as_columns():
    table = pd.DataFrame(
        {"pre": [0, 1], "post": [1, 0], "seen": pd.to_datetime(["2020-01-01", "2021-01-01"]),
         "n": pd.array([1, None], dtype="Int64"), "kind": pd.Categorical(["x", "y"])}
    )  # fmt: skip
    circuit = from_pandas(table)
    attributes = circuit.projections[0].attributes
    assert attributes["seen"].dtype.kind == "M"
    assert attributes["n"].tolist() == [1, cg.ABSENT]
    assert attributes["kind"].tolist() == ["x", "y"]
    assert to_networkx(circuit).edges[0, 1]["seen"] == np.datetime64("2020-01-01")


def test_a_weight_column_that_is_named_has_to_be_there():
    with pytest.raises(StructureError, match=r"edges: no column 'synapses' \(got 'pre', 'post', 'weight'"):
        from_pandas(EDGES[["pre", "post", "weight"]], weight="synapses")
    assert from_pandas(EDGES, weight=None).projections[0].weight.tolist() == [1.0] * 3


def test_a_missing_weight_is_refused():
    with pytest.raises(NumericError, match=r"edge 'a' -> 'b' \(row 1, column 'weight'\): weight is not a finite"):
        from_pandas(pd.DataFrame({"pre": ["a"], "post": ["b"], "weight": [np.nan]}))


@pytest.mark.parametrize(
    ("edges", "nodes", "message"),
    [
        (EDGES.drop(columns="post"), None, r"edges: no column 'post' \(got 'pre', 'weight'"),
        (EDGES, NODES.drop(columns="label"), "nodes: no column 'label'"),
        (EDGES, NODES[:2], "edges: 'c' in row 3, column 'post', is not a node; add it to the nodes"),
        (EDGES, NODES.assign(label="a"), "label 'a' comes twice, in rows 1 and 2, column 'label'; labels are unique"),
        (EDGES.assign(pre=["a", None, "b"]), None, "edges: column 'pre' has no label in row 2; drop the row"),
        (pd.concat([EDGES, EDGES[:1]]), None, "edge 'b' -> 'a' comes twice, in rows 1 and 4; pass merge='sum'"),
        (pd.concat([EDGES, EDGES["n"]], axis=1), None, "two columns have one name"),
    ],
)
def test_tables_that_do_not_fit_are_refused_with_the_mend(edges, nodes, message):
    with pytest.raises(StructureError, match=message):
        from_pandas(edges, nodes)


def test_pairs_that_come_twice_can_be_summed():
    twice = pd.concat([EDGES, EDGES.assign(type="again")], ignore_index=True)
    assert_frame_equal(to_pandas(from_pandas(twice, merge="sum")).edges, EDGES.assign(weight=[3.0, -4.0, 0.0]))


def test_an_empty_table_needs_nodes():
    with pytest.raises(ShapeError, match="no nodes"):
        from_pandas(EDGES[:0])
    circuit = from_pandas(EDGES[:0], NODES)
    assert (circuit.n_units, circuit.n_slots) == (4, 0)
    tables = to_pandas(circuit)
    assert_frame_equal(tables.nodes, NODES)
    assert from_pandas(tables.edges, tables.nodes) == circuit


def test_the_tables_of_a_network_name_populations():
    circuit = cg.Circuit().add("x", (1, 4)).connect("x", "y", cg.Conv(3), units=1, weight=[1.0, 2.0, 3.0])
    circuit = circuit.connect("y", "z", cg.Dense(), units=1, weight=[1.0, -1.0])
    nodes, edges = to_pandas(circuit)
    assert nodes.to_dict("list") == {"population": ["x", "y", "z"], "unit": [0, 0, 0]}
    assert edges.to_dict("list") == {
        "pre_population": ["x", "y"], "pre": [0, 0], "post_population": ["y", "z"], "post": [0, 0],
        "weight": [6.0, 0.0], "projection": ["x->y", "y->z"], "delay": [0, 0], "n_slots": [3, 2], "n_synapses": [6, 2],
    }  # fmt: skip
    nodes, edges = to_pandas(circuit, "neuron")
    assert nodes.tail(2).to_dict("list") == {"population": ["y", "z"], "neuron": [1, 0], "unit": [0, 0], "site": [1, 0]}
    assert len(edges) == 8


def test_the_population_tables_have_a_row_each():
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3)
    nodes, edges = to_pandas(circuit, "population")
    assert nodes["population"].tolist() == ["x", "y"]
    assert edges.loc[0, ["projection", "pre", "post", "n_slots"]].tolist() == ["x->y", "x", "y", 6]


def test_populations_with_different_attributes_share_a_table():
    circuit = cg.Circuit().add("x", 1).add("y", 1).replace_population("x", attributes={"side": ["left"]})
    side = to_pandas(circuit).nodes["side"]
    assert side[0] == "left"
    assert pd.isna(side[1])


def test_an_edge_attribute_in_the_way_of_the_ends_is_refused():
    circuit = from_pandas(EDGES.rename(columns={"pre": "a", "post": "b", "n": "pre"}), pre="a", post="b")
    with pytest.raises(StructureError, match="attribute 'pre' has the name"):
        to_pandas(circuit)


def test_large_tables_are_refused():
    with pytest.raises(ShapeError, match="too many slots"):
        to_pandas(from_pandas(EDGES), max_edges=2)
