"""Native functions that start at random, and what they leave to networkx."""

import sys

import networkx as nx
import numpy as np
import pytest
from networkx.utils.backends import _registered_algorithms as KNOWN

from circuitgraph.views.graph import Graph
from circuitgraph.views.native import NATIVE


@pytest.mark.parametrize("directed", [True, False])
def test_hits_is_networkx_hits_within_its_tolerance(directed):
    graph = nx.gnp_random_graph(12, 0.4, 1, directed=directed)
    for options in ({}, {"normalized": False}):
        ours, theirs = NATIVE["hits"](Graph.from_networkx(graph), **options), nx.hits(graph, **options)
        sign = np.sign(sum(ours[1].values()) * sum(theirs[1].values()))
        for mine, other in zip(ours, theirs, strict=True):
            assert {k: sign * v for k, v in mine.items()} == pytest.approx(other, abs=1e-6)


def test_hits_without_steps_does_not_settle():
    with pytest.raises(nx.PowerIterationFailedConvergence):
        NATIVE["hits"](Graph.from_edges("ab", [0], [1]), max_iter=0)
    assert NATIVE["hits"](Graph.from_edges("", [], [])) == ({}, {})


def test_leiden_finds_cliques_and_counts_loops():
    graph = nx.connected_caveman_graph(4, 6)
    graph.add_edge(0, 0)
    found = NATIVE["leiden_communities"](Graph.from_networkx(graph), seed=1)
    assert sorted(map(sorted, found)) == [[*range(6 * k, 6 * k + 6)] for k in range(4)]
    assert found == NATIVE["leiden_communities"](Graph.from_networkx(graph), seed=1)
    with pytest.raises(ValueError, match="max_level"):
        NATIVE["leiden_communities"](Graph.from_networkx(graph), max_level=0)


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("dijkstra_path", (0, 1), {"weight": lambda u, v, d: 1}),
        ("all_pairs_dijkstra", (), {"weight": lambda u, v, d: 1}),
        ("pagerank", (), {"weight": 3}),
        ("rich_club_coefficient", (), {}),
        ("shortest_path", (0, 1), {"weight": "weight"}),
        ("shortest_path_length", (0, 1), {"weight": "weight", "method": "bellman-ford"}),
        ("bfs_edges", (0,), {"sort_neighbors": sorted}),
        ("bfs_tree", (0, False, None, sorted), {}),
        ("diameter", (), {"usebounds": True}),
        ("triadic_census", ([0],), {}),
        ("to_numpy_array", (), {"dtype": object}),
    ],
)
def test_what_only_networkx_can_do_is_refused_at_the_call(name, args, options):
    graph = Graph.from_networkx(nx.path_graph(4, nx.DiGraph if name != "rich_club_coefficient" else None))
    with pytest.raises(NotImplementedError):
        NATIVE[name](graph, *args, **options)


def test_weights_that_are_no_numbers_are_refused_at_the_call():
    graph = Graph.from_networkx(nx.Graph([(0, 1, {"weight": "heavy"})]))
    for name in ("all_pairs_dijkstra", "louvain_partitions", "closeness_centrality", "clustering"):
        with pytest.raises(NotImplementedError, match="not numbers"):
            NATIVE[name](graph, **{"distance" if name == "closeness_centrality" else "weight": "weight"})


def test_integer_weights_give_integer_matrices():
    graph = nx.Graph([(0, 1, {"weight": 3}), (1, 2, {"weight": 4})])
    for name in ("adjacency_matrix", "laplacian_matrix"):
        ours, theirs = NATIVE[name](Graph.from_networkx(graph)), getattr(nx, name)(graph)
        assert ours.dtype == theirs.dtype
        assert (ours != theirs).nnz == 0


def refuses(function, graph):
    try:
        function(graph)
    except nx.NetworkXNotImplemented:
        return True
    except (nx.NetworkXException, ArithmeticError, NotImplementedError, TypeError, ValueError):
        return False
    return False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(NATIVE))
def test_a_kind_of_graph_that_networkx_refuses_is_refused(name):
    function = getattr(sys.modules[KNOWN[name].orig_func.__module__], name)
    for graph in (nx.cycle_graph(3), nx.cycle_graph(3, nx.DiGraph)):
        assert refuses(function, Graph.from_networkx(graph)) == refuses(function, graph)


@pytest.mark.parametrize("name", ["estrada_index", "subgraph_centrality", "communicability", "communicability_exp"])
def test_walks_avoid_edges_of_weight_zero(name):
    pre, post, weight = np.array([0, 1, 2, 0]), np.array([3, 2, 3, 1]), np.array([0.0, 1.0, 2.0, -1.0])
    graph = Graph.from_edges("abcd", pre, post, {"weight": weight}, directed=False)
    without = Graph.from_edges("abcd", pre[1:], post[1:], directed=False)
    theirs = numbers(getattr(nx, name)(graph.to_networkx()))
    assert numbers(getattr(nx, name)(graph)) == pytest.approx(theirs, abs=1e-12)
    assert numbers(getattr(nx, name)(without)) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph])
def test_edges_are_between_in_networkx_s_way_where_a_loop_has_weight_zero(kind):
    graph = kind([(0, 0), (0, 1), (1, 0)])
    nx.set_edge_attributes(graph, 0.0, "weight")
    theirs = nx.edge_betweenness_centrality(graph, weight="weight")
    ours = nx.edge_betweenness_centrality(Graph.from_networkx(graph), weight="weight")
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph])
@pytest.mark.parametrize("nodes", [None, ["a", "b", 99], ["d"], "d", [99], "e"])
def test_clustering_divides_by_a_largest_weight_of_zero_where_networkx_does(kind, nodes):
    for edges in ([("a", "b"), ("b", "c")], [("a", "b"), ("b", "c"), ("c", "a")], []):
        graph = kind([*edges, ("e", "e")])
        graph.add_node("d")
        nx.set_edge_attributes(graph, 0.0, "weight")
        ours, theirs = (outcome(nx.clustering, g, nodes, "weight") for g in (Graph.from_networkx(graph), graph))
        assert ours == theirs


def outcome(function, *args):
    try:
        return function(*args)
    except ZeroDivisionError as error:
        return type(error)


@pytest.mark.parametrize("limit", [None, 0, -1, 1])
def test_a_search_tree_of_no_depth_grows_from_a_node_of_the_graph(limit):
    graph = Graph.from_networkx(nx.path_graph(3))
    assert nx.utils.graphs_equal(
        nx.bfs_tree(graph, 0, depth_limit=limit).to_networkx(), nx.bfs_tree(nx.path_graph(3), 0, depth_limit=limit)
    )
    with pytest.raises(nx.NetworkXError):
        nx.bfs_tree(graph, 9, depth_limit=limit)


def numbers(found):
    return [n for value in found.values() for n in numbers(value)] if isinstance(found, dict) else [found]
