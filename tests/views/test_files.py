import dataclasses
import json
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.data.celegans import celegans
from circuitgraph.errors import CircuitGraphError, FileError, NumericError, StructureError
from circuitgraph.ir import ABSENT, Circuit, Population
from circuitgraph.registry import topologies
from circuitgraph.views.files import read, read_graphml, read_node_link, write, write_graphml, write_node_link
from circuitgraph.views.files.losses import losses

WHOLE = (".graphml", ".json", ".parquet", ".feather", ".npz", ".safetensors", ".graphml.gz", ".json.gz")


def objects(*items):
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


def odd_graph():
    """Everything that a graph of networkx may hold."""
    g = nx.DiGraph(title="a <graph>", pair=(1, 2))
    g.add_node("a", t=1, n=None, f=float("nan"), b=True, s="x\ty\n\r<&\"'é", id=3)
    g.add_node("b\n", t=2, many=[1, (2,)], f=float("-inf"), population="q")
    g.add_node("c ü", s="\x01", b="mixed")
    g.add_edge("a", "b\n", weight=0.1, kind="k", projection=2)
    g.add_edge("b\n", "a")
    g.add_edge("b\n", "b\n", weight=1e-300, source="s")
    return cg.from_networkx(g)


def network():
    """Several populations, laws and sites, a rule, a neuron, signs, delays and identities."""
    c = cg.Circuit().add("x", (3, 8, 8))
    c = c.connect("x", "h", cg.Conv(3), units=4, neuron=cg.ReLU(), rule=cg.Oja(0.1))
    c = c.connect("h", "h", cg.Explicit([0, 5], [3, 2]), delay=2, name="r", sign=1, weight=[1.0, 2.0])
    c = c.connect("h", "y", cg.Dense(), units=5, rng=3).connect("y", "y", cg.ErdosRenyi(0.5), delay=1, port="in")
    p = c.projection("y->y")
    kinds = objects(*["slow", ABSENT, None, ("a", 1)][:1] * p.n_slots)
    changed = dataclasses.replace(p, attributes={"kind": kinds, "weight": np.arange(p.n_slots)}, ids=p.slot_ids + 7)
    return dataclasses.replace(c, projections=(*c.projections[:-1], changed))


def columns():
    """One column of every type, identities, and names that are no text."""
    own = {
        5: [1, 2, 3],
        "label": objects("a", ABSENT, "c"),
        "text": np.array(["q", "rs", ""]),
        "i8": np.array([1, 2, 3], np.int8),
        "u64": np.array([0, 1, 2**64 - 1], np.uint64),
        "swapped": np.arange(3, dtype=">i4"),
        "f4": np.array([0.1, np.nan, 3], np.float32),
        "sure": np.array([True, False, True]),
        "long": objects(2**70, 1, ABSENT),
        "day": np.array(["2001-01-01"] * 3, "M8[D]"),
    }
    return Circuit((Population("p", (3,), attributes=own, ids=[5, 3, 9], next_id=12),), (), {"n": 1})


def integers():
    g = nx.DiGraph()
    g.add_edge(720575940600000001, 720575940600000002, weight=5)
    return cg.from_networkx(g)


CIRCUITS = {
    "odd graph": odd_graph(), "network": network(), "columns": columns(), "integers": integers(),
    "grid": cg.from_networkx(nx.grid_2d_graph(2, 3)), "no edges": cg.Circuit().add("x", 3), "worm": celegans(),
    "float32": odd_graph().replace_projection("neurons->neurons", weight=np.array([0.1, 0.2, 1e-40], np.float32)),
    "no text": Circuit((Population("p", (1,), attributes={"label": objects("\ud800")}),)),
}  # fmt: skip


@pytest.mark.parametrize("ending", WHOLE)
@pytest.mark.parametrize("name", CIRCUITS)
def test_a_circuit_comes_back_bit_for_bit(tmp_path, name, ending):
    circuit, path = CIRCUITS[name], tmp_path / f"c{ending}"
    assert write(circuit, path) == ()
    again = read(path)
    assert again == circuit, losses(circuit, again)
    assert again.fingerprint == circuit.fingerprint
    assert [p.next_id for p in again.populations] == [p.next_id for p in circuit.populations]
    assert again.attributes == circuit.attributes


@pytest.mark.parametrize("ending", [".graphml", ".json", ".parquet", ".npz"])
@pytest.mark.parametrize("law", list(topologies))
def test_every_law_of_wiring_comes_back(tmp_path, law, ending):
    for topology, pre, post in topologies[law].examples():
        circuit = cg.Circuit().add("x", pre).add("y", post).connect("x", "y", topology)
        write(circuit, tmp_path / f"c{ending}")
        assert read(tmp_path / f"c{ending}") == circuit


def test_networkx_reads_what_is_written_and_sees_the_same_graph(tmp_path):
    circuit = cg.from_networkx(nx.DiGraph([("a", "b", {"weight": 0.5, "kind": "k"}), ("b", "c", {"weight": -2.0})]))
    write_graphml(circuit, tmp_path / "c.xml")
    write_node_link(circuit, tmp_path / "c.js")
    assert read_graphml(tmp_path / "c.xml") == read_node_link(tmp_path / "c.js") == circuit
    for g in (nx.read_graphml(tmp_path / "c.xml"), nx.node_link_graph(json.loads((tmp_path / "c.js").read_text()))):
        assert list(g.edges(data=True)) == [("a", "b", {"weight": 0.5, "kind": "k"}), ("b", "c", {"weight": -2.0})]


def test_scipy_and_pandas_read_what_is_written(tmp_path):
    circuit = CIRCUITS["worm"]
    write(circuit, tmp_path / "worm.npz")
    assert (sp.load_npz(tmp_path / "worm.npz") != cg.to_adjacency(circuit)).nnz == 0
    write(circuit, tmp_path / "worm.parquet")
    table = pd.read_parquet(tmp_path / "worm.parquet")
    assert len(table) == circuit.n_slots
    assert table.weight.sum() == sum(p.weight.sum() for p in circuit.projections)
    assert set(table.projection) == {"chemical", "electrical"}


@pytest.mark.parametrize(("ending", "store"), [(".graphml", nx.write_graphml), (".json", None)])
@pytest.mark.parametrize("kind", [nx.DiGraph, nx.Graph])
def test_what_networkx_writes_is_read_as_from_networkx_reads_it(tmp_path, ending, store, kind):
    g = kind()
    g.add_node("alone", type="K", n=3, sure=True)
    g.add_weighted_edges_from([("a", "b", 0.1), ("b", "c", 2.0), ("c", "c", -1.0)])
    if store is None:
        (tmp_path / f"g{ending}").write_text(json.dumps(nx.node_link_data(g)))
    else:
        store(g, tmp_path / f"g{ending}")
    got = cg.to_networkx(read(tmp_path / f"g{ending}"))
    assert nx.utils.graphs_equal(got, nx.DiGraph(g))


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_a_matrix_of_scipy_is_read_as_from_adjacency_reads_it(tmp_path, form):
    matrix = sp.csr_array(np.array([[0, 2.0, 0], [0, 0, -1], [3, 0, 0]]))
    sp.save_npz(tmp_path / "m.npz", matrix.asformat(form))
    got = read(tmp_path / "m.npz", delay=2)
    assert (cg.to_adjacency(got) != matrix).nnz == 0
    assert got.projections[0].delay == 2


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz"])
def test_a_table_of_edges_comes_back_with_its_table_of_nodes(tmp_path, ending):
    g = nx.DiGraph([("a", "b", {"weight": 0.1, "kind": "k"}), ("b", "a", {"weight": 1e-300, "kind": "m"})])
    g.add_node("alone")
    nx.set_node_attributes(g, {"a": "K", "b": "P", "alone": "K"}, "type")
    circuit, paths = cg.from_networkx(g), (tmp_path / f"edges{ending}", tmp_path / f"nodes{ending}")
    assert write(circuit, paths[0], nodes=paths[1]) == ()
    assert read(paths[0], nodes=paths[1]) == circuit


def test_what_a_table_cannot_say_is_refused_or_listed(tmp_path):
    with pytest.raises(FileError, match=r"c\.csv: cannot say all of the circuit: .*lossy=True"):
        write(CIRCUITS["odd graph"], tmp_path / "c.csv")
    assert not (tmp_path / "c.csv").exists()
    circuit = CIRCUITS["integers"].replace_projection("neurons->neurons", delay=3, fixed=True)
    lost = write(circuit, tmp_path / "c.csv", lossy=True)
    assert lost == (
        "projection neurons->neurons: delay (3 becomes 1)",
        "projection neurons->neurons: fixed (True becomes False)",
    )
    assert losses(circuit, read(tmp_path / "c.csv")) == lost


LABELS = st.text(min_size=1, max_size=3)
VALUES = st.one_of(st.integers(), st.text(max_size=3), st.none(), st.booleans(), st.floats(), st.tuples(st.integers()))


def edges_with(values):
    return st.lists(st.tuples(LABELS, LABELS, values), min_size=1, max_size=5, unique_by=lambda edge: edge[:2])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(LABELS, LABELS, VALUES), min_size=1, max_size=5, unique_by=lambda e: e[:2]),
    st.sampled_from(WHOLE[:4]),
)
def test_any_names_and_values_come_back(tmp_path, edges, ending):
    g = nx.DiGraph([(a, b, {"value": v}) for a, b, v in edges])
    circuit = cg.from_networkx(g)
    write(circuit, tmp_path / f"c{ending}")
    assert read(tmp_path / f"c{ending}") == circuit


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(LABELS, LABELS, st.floats(allow_nan=False, allow_infinity=False)),
        min_size=1,
        max_size=5,
        unique_by=lambda e: e[:2],
    )
)
def test_losses_of_a_table_are_those_that_there_are(tmp_path, edges):
    g = nx.DiGraph()
    g.add_weighted_edges_from(edges)
    circuit = cg.from_networkx(g)
    lost = write(circuit, tmp_path / "c.csv", nodes=tmp_path / "n.csv", lossy=True)
    try:
        again = read(tmp_path / "c.csv", nodes=tmp_path / "n.csv")
    except CircuitGraphError:
        assert lost
    else:
        assert (again == circuit) == (not lost)


def xml(body, keys=""):
    head = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    return f'{head}\n{keys}\n<graph edgedefault="directed">\n{body}\n</graph></graphml>'


KEY = '<key id="w" for="edge" attr.name="weight" attr.type="double"/>'
ODD = '<key id="q" for="node" attr.name="q" attr.type="pickle"/>'
LOOP = '<edge source="a" target="a"/>'


def weighing(text):
    return xml(f'<node id="a"/>\n<edge source="a" target="a"><data key="w">{text}</data></edge>', KEY)


BAD_GRAPHML = {
    '<!DOCTYPE x [<!ENTITY a "b">]>\n' + xml('<node id="a"/>'): (FileError, "line 1: document types"),
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">\n' + xml('<node id="a"/>'): (FileError, "line 1: document types"),
    xml('<node id="&xxe;"/>'): (FileError, "line 4: not XML"),
    xml('<node id="a"/>')[:60]: (FileError, "not XML"),
    "<graphml></graphml>": (FileError, "expected one <graph>"),
    "<svg/>": (FileError, "line 1: not GraphML"),
    xml('<node id="a"/>\n<node id="a"/>'): (StructureError, "line 5: node 'a' comes twice"),
    xml('<node id="a"/>\n<edge source="a" target="b"/>'): (StructureError, "line 5: 'b' is not a node"),
    xml('<node id="a"/><edge source="a"/>'): (FileError, "line 4: <edge> has no 'target'"),
    xml(f'<node id="a"/>\n{LOOP}\n{LOOP}'): (StructureError, "line 6: .*comes twice"),
    weighing("x"): (FileError, "line 5: 'weight' is no double"),
    weighing("NaN"): (NumericError, "line 5: 'weight' is not a finite"),
    xml('<node id="a"><data key="zz">1</data></node>'): (FileError, "line 4: data of an unknown key"),
    xml("", ODD): (FileError, "line 2: key 'q' of an unknown type"),
    xml('<node id="a"><graph/></node>'): (FileError, "line 4: a second graph"),
    xml("<hyperedge/>"): (FileError, "line 4: a hyperedge"),
    xml("<x>" * 100): (FileError, "line 4: nested too deep"),
    xml(""): (CircuitGraphError, "no nodes"),
}  # fmt: skip


@pytest.mark.parametrize("text", BAD_GRAPHML)
def test_bad_graphml_is_one_line_with_its_number(tmp_path, text):
    kind, said = BAD_GRAPHML[text]
    (tmp_path / "g.graphml").write_text(text)
    with pytest.raises(kind, match=said) as caught:
        read(tmp_path / "g.graphml")
    assert str(caught.value).startswith(str(tmp_path / "g.graphml"))
    assert "\n" not in str(caught.value)


NODES = '"nodes": [{"id": "a"}, {"id": "b"}]'
EDGE = '{"source": "a", "target": "b"}'
BAD_JSON = {
    "": "not strict JSON",
    "[]": "not node-link JSON",
    '{"nodes": 3, "edges": []}': "'nodes' to be a list",
    "{" + NODES + "}": "'links' to be a list",
    '{"nodes": [{}], "edges": []}': r"nodes\[0\]: 'id' names no node",
    '{"nodes": [{"id": {"a": 1}}], "edges": []}': r"nodes\[0\]: 'id' names no node",
    '{"nodes": [{"id": 1}, {"id": 1}], "edges": []}': r"nodes\[1\]: 1 comes twice",
    "{" + NODES + ', "edges": [{"source": "a", "target": "z"}]}': r"edges\[0\]: 'z' is not a node",
    "{" + NODES + ', "edges": [{"source": "a"}]}': r"edges\[0\]: 'target' names no node",
    "{" + NODES + ', "edges": [{"source": "a", "target": "b", "weight": NaN}]}': "NaN is not a number",
    "{" + NODES + ', "edges": [' + EDGE[:-1] + ', "weight": "x"}]}': r"edges\[0\]: 'weight' is not a finite",
    "{" + NODES + ', "edges": [' + EDGE + ", " + EDGE + "]}": r"edges\[1\]: .* comes twice",
    "{" + NODES + ', "nodes": [], "edges": []}': "a key comes twice",
    "{" + NODES + ', "edges": [], "graph": {"circuitgraph": "xx"}}': "header|safetensors",
    "[" * 100_000: "not strict JSON",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD_JSON)
def test_bad_json_is_one_line_with_its_place(tmp_path, text):
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(CircuitGraphError, match=BAD_JSON[text]) as caught:
        read(tmp_path / "g.json")
    assert str(caught.value).startswith(str(tmp_path / "g.json"))
    assert "\n" not in str(caught.value)


def test_edges_that_another_tool_changed_are_refused_where_a_law_made_them(tmp_path):
    write(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2), tmp_path / "c.json")
    data = json.loads((tmp_path / "c.json").read_text())
    data["edges"][0]["source"] = "x/1"
    (tmp_path / "c.json").write_text(json.dumps(data))
    with pytest.raises(FileError, match="wiring and edges differ"):
        read(tmp_path / "c.json")
    data["edges"].pop()
    (tmp_path / "c.json").write_text(json.dumps(data))
    with pytest.raises(FileError, match="header does not describe a circuit"):
        read(tmp_path / "c.json")


def test_weights_and_attributes_that_another_tool_changed_are_read(tmp_path):
    write(CIRCUITS["integers"], tmp_path / "c.json")
    data = json.loads((tmp_path / "c.json").read_text())
    data["edges"][0]["weight"] = 7.5
    data["nodes"].reverse()
    (tmp_path / "c.json").write_text(json.dumps(data))
    again = read(tmp_path / "c.json")
    assert again.projections[0].weight.tolist() == [7.5]
    assert again.population("neurons").attributes["label"].tolist() == [720575940600000002, 720575940600000001]
    assert again.projections[0].topology == cg.Explicit([1], [0])


@pytest.mark.parametrize("path", ["c", "c.exe", "c.graphml.exe", "c.parquet.gz", "c.pkl"])
def test_another_kind_of_file_is_named(tmp_path, path):
    with pytest.raises(FileError, match="expected"):
        read(tmp_path / path)
    with pytest.raises(FileError, match="expected"):
        write(cg.Circuit().add("x", 1), tmp_path / path)


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path: Path):
    for ending in (*WHOLE, ".csv"):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / f"none{ending}")
