import json
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.backend_info import FUNCTIONS, get_info
from circuitgraph.errors import StructureError
from circuitgraph.views.backend import _READ_WEIGHTS, Backend, backend_interface
from circuitgraph.views.backend_tests import EXCLUDED, EXCLUDED_CONVERTED
from circuitgraph.views.graph import Graph
from circuitgraph.views.native import NATIVE

SUITE = Path(__file__).parents[2] / "benchmarks" / "networkx_suite.py"
# Functions that networkx runs itself, of many kinds: numbers, dictionaries, iterators, graphs, two graphs.
THROUGH = {
    "constraint": nx.constraint,
    "dominating set": nx.dominating_set,
    "simple cycles": lambda g: sorted(map(sorted, nx.simple_cycles(g))),
    "is_isomorphic": lambda g: nx.is_isomorphic(g, g),
    "ego graph": lambda g: sorted(nx.ego_graph(g, 0).edges),
    "complement": lambda g: sorted(nx.complement(g).edges),
    "relabelled copy": lambda g: sorted(nx.relabel_nodes(g, str).edges),
    "all together": lambda g: sorted(nx.compose_all([g, g]).edges),
    "maximum flow": lambda g: nx.maximum_flow_value(g, 0, 5, capacity="weight"),
    "edge keyword": lambda g: nx.edge_dfs(G=g, source=0) and sorted(nx.edge_dfs(G=g, source=0)),
}
MUTATORS = [
    lambda g: nx.set_node_attributes(g, 1, "x"),
    lambda g: nx.set_edge_attributes(g, 1, "x"),
    lambda g: nx.relabel_nodes(g, {0: 9}, copy=False),
    lambda g: nx.stochastic_graph(g, copy=False),
]
# Functions that write to their graph on the way to an answer.
ANSWERS = {
    "minimum spanning arborescence": lambda g: sorted(nx.minimum_spanning_arborescence(g).edges(data="weight")),
    "maximum spanning arborescence": lambda g: sorted(nx.maximum_spanning_arborescence(g).edges(data="weight")),
    "minimum branching": lambda g: sorted(nx.algorithms.tree.branchings.minimum_branching(g).edges(data="weight")),
    "minimal branching": lambda g: sorted(nx.algorithms.tree.branchings.minimal_branching(g).edges(data="weight")),
    "recursive simple cycles": nx.recursive_simple_cycles,
    "closeness with an edge less": lambda g: nx.incremental_closeness_centrality(
        g.to_undirected(), next(iter(g.edges)), insertion=False
    ),
    "Held-Karp": lambda g: nx.algorithms.approximation.traveling_salesman.held_karp_ascent(g)[0],
    "travelling salesman": lambda g: nx.approximation.asadpour_atsp(g, seed=1),
}


def digraph(n=12, p=0.3, seed=3):
    g = nx.gnp_random_graph(n, p, seed=seed, directed=True)
    for k, (u, v) in enumerate(g.edges):
        g[u][v]["weight"] = 1.0 + k % 5
    return g


@pytest.fixture
def conversions(monkeypatch):
    """Count what networkx has converted, with the backend first in its list."""
    names = []
    inner = Backend.convert_from_nx

    def spy(self, graph, **options):
        names.append(options["name"])
        return inner(self, graph, **options)

    monkeypatch.setattr(Backend, "convert_from_nx", spy)
    with nx.config(backend_priority=["circuitgraph"], warnings_to_ignore={"cache"}):
        yield names


@pytest.mark.parametrize("function", THROUGH)
def test_whatever_is_not_native_is_networkx_s_own_without_any_configuration(function):
    g = digraph()
    assert THROUGH[function](cg.from_networkx(g)) == THROUGH[function](g)


@pytest.mark.parametrize("function", ["pagerank", "clustering", "degree_centrality", "triadic_census", "core_number"])
def test_native_functions_run_on_a_circuit_and_no_networkx_graph_is_made(function, monkeypatch):
    g = digraph()
    circuit = cg.from_networkx(g)
    monkeypatch.setattr(Graph, "to_networkx", None)
    found = getattr(nx, function)(circuit)
    assert found == pytest.approx(getattr(nx, function)(g), abs=1e-12)
    assert list(found) == list(getattr(nx, function)(g))


@pytest.mark.parametrize("mutate", MUTATORS)
def test_functions_that_change_their_graph_are_refused_with_the_mend(mutate):
    with pytest.raises(StructureError, match=r"changes its graph .* G = circuitgraph.to_networkx\(circuit\)"):
        mutate(cg.from_networkx(digraph()))


@pytest.mark.parametrize("function", ANSWERS)
def test_functions_that_write_to_their_graph_for_an_answer_run_on_a_copy(function):
    g = digraph(5, 1.0)
    circuit = cg.from_networkx(g)
    nx.constraint(circuit)  # makes the graph that is kept
    assert ANSWERS[function](circuit) == ANSWERS[function](g.copy())
    assert nx.utils.graphs_equal(circuit.graph().copy(), g)
    assert nx.utils.graphs_equal(nx.DiGraph(circuit.graph().kept_networkx), g)


def test_a_graph_that_networkx_makes_of_a_circuit_can_be_changed_and_the_circuit_does_not_notice():
    circuit = cg.from_networkx(digraph())
    nx.constraint(circuit)  # makes the graph that is kept
    made = nx.complement(circuit)
    made.add_edge("new", 0)
    assert "new" not in circuit
    assert nx.is_frozen(circuit.graph().kept_networkx)
    assert sorted(nx.complement(circuit).edges) == sorted(nx.complement(digraph()).edges)


def test_functions_that_write_to_their_graph_and_take_it_back_run_on_one_of_their_own():
    circuit = cg.from_networkx(nx.DiGraph([(0, 1, {"weight": 1.0}), (1, 0, {"weight": -2.0})]))
    assert nx.negative_edge_cycle(circuit)
    assert list(circuit.graph().kept_networkx) == list(circuit) == [0, 1]


def test_attributes_that_are_arrays_leave_a_graph_to_networkx():
    g = nx.Graph([(0, 1)])
    g.nodes[0]["pos"] = np.zeros(2)
    with pytest.raises(NotImplementedError, match="an array"):
        backend_interface.convert_from_nx(g, preserve_node_attrs=True)


def test_a_function_of_nobody_is_no_attribute():
    for name in ("no_such_function", "complete_graph", "graph__new__", "_private"):
        assert not hasattr(backend_interface, name)


def test_networkx_s_graphs_are_read_where_the_backend_is_asked_for_by_name():
    g = digraph()
    assert nx.pagerank(g, backend="circuitgraph") == pytest.approx(nx.pagerank(g), abs=1e-12)


def test_small_graphs_and_foreign_functions_are_not_converted_for_nothing(conversions):
    g = digraph()
    nx.pagerank(g)
    nx.constraint(g)
    nx.triadic_census(g)
    assert conversions == []


def test_large_graphs_are_converted_once_for_what_is_native(conversions):
    g = digraph(60, 0.5)
    found = nx.pagerank(g), nx.pagerank(g)
    nx.constraint(digraph(60, 0.5))
    nx.degree_centrality(digraph(60, 0.5))
    assert conversions == ["pagerank"]
    assert found[0] == found[1] == pytest.approx(nx.pagerank(g, backend="networkx"), abs=1e-12)


def test_a_graph_that_has_been_read_is_used_for_quick_functions_too(conversions):
    g = digraph(60, 0.5)
    nx.pagerank(g)
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Backend, "native", {**NATIVE, "is_empty": lambda g: calls.append(type(g)) or False})
        assert not nx.is_empty(g)
    assert (conversions, calls) == (["pagerank"], [Graph])


def test_least_edges_worth_a_conversion_can_be_set(conversions):
    with nx.config.backends.circuitgraph(min_edges=1):
        nx.pagerank(digraph())
    assert conversions == ["pagerank"]


def test_multigraphs_are_left_to_networkx(conversions):
    g = nx.MultiDiGraph(digraph(60, 0.5))
    g.add_edge(0, 1)
    assert nx.pagerank(g)
    assert conversions == []
    with pytest.raises(NotImplementedError):
        nx.pagerank(g, backend="circuitgraph")


@pytest.mark.parametrize("name", sorted(_READ_WEIGHTS))
def test_weights_that_networkx_does_not_convert_leave_a_graph_to_networkx(name, conversions):
    function, plain = getattr(nx, name), nx.cycle_graph(4)
    weighted = nx.Graph([(0, 1, {"weight": 0.0}), (1, 2, {"weight": 3.0}), (0, 2)])
    with pytest.raises(NotImplementedError, match="not implemented"):
        function(weighted, backend="circuitgraph")
    with nx.config.backends.circuitgraph(min_edges=0):
        found = function(weighted)
    function(plain, backend="circuitgraph")
    assert conversions == [name]
    theirs = function(weighted, backend="networkx")
    assert str(found) == str(theirs)


def test_only_attributes_that_a_function_reads_are_converted():
    g = nx.DiGraph([(0, 1, {"weight": 2, "note": object()})])
    g.add_node(0, kind="a")
    read = backend_interface.convert_from_nx
    assert list(read(g, edge_attrs={"weight": 1}).edge_columns) == ["weight"]
    assert list(read(g).edge_columns) == []
    assert list(read(g, preserve_edge_attrs=True, preserve_node_attrs=True).edge_columns) == ["weight", "note"]
    assert list(read(g, node_attrs={"kind": None}).node_columns) == ["kind"]


def test_what_is_no_graph_comes_back_as_it_is():
    assert backend_interface.convert_to_nx(3) == 3
    assert nx.utils.graphs_equal(backend_interface.convert_to_nx(cg.from_networkx(digraph())), digraph())


def test_weights_that_networkx_alone_can_use_go_to_networkx():
    circuit = cg.from_networkx(digraph())
    by_hand = nx.shortest_path_length(circuit, 0, weight=lambda u, v, d: 2 * d["weight"])
    doubled = nx.shortest_path_length(digraph(), 0, weight=lambda u, v, d: 2 * d["weight"])
    assert by_hand == doubled


def test_results_are_python_s_own_numbers():
    circuit = cg.from_networkx(digraph())
    for found in (nx.pagerank(circuit), nx.degree_centrality(circuit), nx.clustering(circuit)):
        assert {type(v) for v in found.values()} == {float}
    assert not isinstance(nx.transitivity(circuit.graph(directed=False)), np.generic)


def test_what_networkx_is_told_is_what_is_there():
    assert sorted(FUNCTIONS) == sorted(NATIVE)
    assert set(get_info()["functions"]) == set(NATIVE)
    assert "circuitgraph" in nx.pagerank.backends
    assert all(name in nx.utils.backends._registered_algorithms for name in NATIVE)
    assert len(NATIVE) >= 60


def test_importing_networkx_imports_neither_torch_nor_numpy_for_us():
    program = (
        "import sys, circuitgraph.backend_info as b; b.get_info(); print('numpy' in sys.modules, len(b.FUNCTIONS))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(len(FUNCTIONS))]


def test_every_excluded_test_has_a_reason():
    assert all(len(reason) > 20 for reason in {**EXCLUDED, **EXCLUDED_CONVERTED}.values())


@pytest.mark.parametrize("mode", [pytest.param("fallback", marks=pytest.mark.slow), "everything"])
def test_a_part_of_networkx_s_own_suite_passes_through_the_backend(mode):
    parts = [
        f"networkx.algorithms.{name}"
        for name in (
            "centrality.tests.test_degree_centrality", "centrality.tests.test_closeness_centrality",
            "link_analysis.tests.test_pagerank", "components.tests", "tests.test_cluster", "tests.test_core",
            "tests.test_triads", "tests.test_dag", "community.tests.test_quality", "shortest_paths.tests.test_generic",
        )
    ]  # fmt: skip
    command = [sys.executable, str(SUITE), "--modes", mode, "--select", *parts, "networkx.tests.test_convert_numpy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found, native, *_ = map(json.loads, done.stdout.splitlines())
    assert found["failed_only_here"] == []
    assert found["passed"] > 350
    assert native["ran"] >= 60
