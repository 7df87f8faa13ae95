"""Small graphs on which measures are compared with networkx, and their arrays."""

from collections import namedtuple

import networkx as nx
import numpy as np
import pytest

from circuitgraph.graphs.arrays import Arrays

Sample = namedtuple("Sample", "graph names arrays weighted")


def arrays_of(graph, weight=None):
    """Read a networkx graph, nodes and neighbours in its order."""
    index = {v: i for i, v in enumerate(graph)}
    begins = np.concatenate([[0], np.cumsum([len(graph.adj[v]) for v in graph], dtype=np.int64)]).astype(np.int64)
    post = np.array([index[w] for v in graph for w in graph.adj[v]], np.int32)
    values = np.array([d.get(weight, 1) for v in graph for d in graph.adj[v].values()], np.float64)
    return Arrays(begins, post, None if weight is None else values, graph.is_directed())


def draw(n, p, seed, *, directed, loops=False):
    """Draw a graph whose nodes have names in no order, with weights of few values, so that sums tie."""
    rng = np.random.default_rng(seed)
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(f"n{i}" for i in rng.permutation(n))
    names = list(graph)
    for i, j in rng.permutation([(i, j) for i in range(n) for j in range(n)]) if n else []:
        if (i != j or loops) and (directed or i <= j) and rng.random() < p:
            graph.add_edge(names[i], names[j], weight=float(rng.choice([0.5, 1.0, 2.0, 3.25])))
    return graph


SIZES = ((0, 0), (1, 0), (1, 1), (2, 1), (5, 0), (6, 0.2), (12, 0.1), (12, 0.25), (15, 0.5), (9, 1), (30, 0.12))


@pytest.fixture(
    params=[(d, loop, k) for d in (True, False) for loop in (True, False) for k in range(len(SIZES))], ids=str
)
def sample(request):
    """Give graphs of every kind: empty, of one node, without edges, in pieces, sparse, dense, with loops."""
    directed, loops, k = request.param
    graph = draw(*SIZES[k], k, directed=directed, loops=loops)
    return Sample(graph, list(graph), arrays_of(graph), arrays_of(graph, "weight"))


@pytest.fixture
def large():
    """Give a graph of unequal degrees that networkx needs a moment for: 400 nodes, 6,000 edges."""
    rng = np.random.default_rng(0)
    weight = rng.lognormal(0, 1, 400)
    pairs = {(int(i), int(j)) for i, j in rng.choice(400, (9000, 2), p=weight / weight.sum()) if i != j}
    graph = nx.DiGraph(sorted(pairs)[::-1])
    for _, _, data in graph.edges(data=True):
        data["weight"] = float(rng.integers(1, 9))
    return Sample(graph, list(graph), arrays_of(graph), arrays_of(graph, "weight"))


@pytest.fixture
def same():
    """Give the judge: values in the order of nodes are those of a dictionary by name."""

    def judge(values, expected):
        given = np.array([np.nan if v is None else v for v in expected.values()], np.float64)
        np.testing.assert_allclose(np.asarray(values, np.float64), given, rtol=1e-12, atol=1e-12)

    return judge
