"""The networkx backend against networkx: pagerank on a circuit, a million edges there and back, a fly's brain.

pagerank: 3,000 nodes, 110,000 edges.  networkx's time includes making its graph of the same edges; ours is the whole
call on a circuit that nobody has asked before, and on one that has been asked.  conversion: what `to_networkx` and
`from_networkx` take, over what networkx takes to build the graph from a list of tuples with attribute dictionaries.
fly: 139,000 nodes, 2,600,000 directed edges with heavy-tailed degrees and communities (seeded); the report is all
measures one after the other, the graph's making included.  compare: the same measures on `--compare` nodes of the same
mean degree, on both sides on a graph that exists, values compared; large: those that networkx finishes, on the whole.

    python benchmarks/networkx_backend.py [--parts pagerank conversion fly compare large] [--rounds 5] [--json]

--json writes benchmarks/results/networkx_backend.jsonl
"""

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import scipy

from circuitgraph import Circuit, Explicit, Population, Projection, from_networkx, to_networkx
from circuitgraph.graphs import degrees

RESULTS = Path(__file__).parent / "results" / "networkx_backend.jsonl"
NODES, EDGES = 139_000, 2_600_000
INSIDE = 0.7
"""The share of edges within a community."""


def circuit_of(n: int, pre: np.ndarray, post: np.ndarray, weight: np.ndarray) -> Circuit:
    """Make a circuit whose units are called by number."""
    population = Population("neurons", (n,), attributes={"label": np.arange(n)})
    projection = Projection("neurons", "neurons", Explicit(pre, post), weight, delay=1)
    return Circuit((population,), (projection,))


def random_edges(n: int, n_edges: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    key = rng.choice(n * n, n_edges, replace=False)
    return key // n, key % n, rng.random(n_edges)


def brain(n: int, n_edges: int, seed: int = 0) -> Circuit:
    """Draw a directed graph with heavy-tailed degrees and uneven communities; weights are counts of synapses."""
    rng = np.random.default_rng(seed)
    share = rng.lognormal(0, 0.7, max(4, n // 2000))
    community = np.sort(rng.choice(len(share), n, p=share / share.sum()))
    out, into = (rng.lognormal(0, 1.0, n) for _ in range(2))
    bound = np.searchsorted(community, np.arange(len(share) + 1))
    reach = np.concatenate([[0.0], np.cumsum(into)])
    key = np.zeros(0, np.int64)
    while len(key) < n_edges:
        draws = int(1.3 * (n_edges - len(key))) + 1000
        pre = rng.choice(n, draws, p=out / out.sum())
        inside = rng.random(draws) < INSIDE
        first = np.where(inside, reach[bound[community[pre]]], 0.0)
        last = np.where(inside, reach[bound[community[pre] + 1]], reach[-1])
        post = np.minimum(np.searchsorted(reach, first + rng.random(draws) * (last - first), side="right") - 1, n - 1)
        drawn = np.sort(np.concatenate([key, (pre * n + post)[pre != post]]))
        key = drawn[np.flatnonzero(np.diff(drawn, prepend=-1))]
    key = np.sort(rng.permutation(key)[:n_edges])
    return circuit_of(n, key // n, key % n, 5.0 + rng.geometric(0.1, n_edges))


def edge_tuples(circuit: Circuit) -> list[tuple[int, int, dict[str, float]]]:
    slots, weight = circuit.slots(circuit.projections[0]), circuit.projections[0].weight
    return [
        (u, v, {"weight": w}) for u, v, w in zip(slots.pre.tolist(), slots.post.tolist(), weight.tolist(), strict=True)
    ]


def build(n: int, edges: list[tuple[int, int, dict[str, float]]]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(edges)
    return graph


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def difference(a: Any, b: Any) -> float:
    """Give the largest difference between two results: numbers, mappings of them, an array for a mapping, sets."""
    if isinstance(a, np.ndarray):
        return float(np.abs(a - np.fromiter(b.values(), a.dtype, len(b))).max())
    if isinstance(a, Mapping):
        assert set(a) == set(b)
        return max((difference(v, b[k]) for k, v in a.items()), default=0.0)
    if isinstance(a, list):
        return 0.0 if set(map(frozenset, a)) == set(map(frozenset, b)) else float("inf")
    return abs(a - b)


def counts(graph: Any) -> dict[int, Any]:
    """Give degrees, in-degrees and out-degrees: ours as arrays in the order of nodes, networkx's as there are."""
    if isinstance(graph, nx.Graph):
        return {i: dict(view()) for i, view in enumerate((graph.degree, graph.in_degree, graph.out_degree))}
    arrays = graph.arrays(None)
    return {i: degrees(arrays, side) for i, side in enumerate(("in+out", "in", "out"))}


# What is asked of a graph, directed and undirected: the same call for networkx's own and for ours.
Groups = list[set[Any]]
Measure = Callable[[Any, Any, Groups], Any]
FLY: dict[str, Measure] = {
    "degree centralities": lambda g, u, c: {
        i: f(g) for i, f in enumerate((nx.degree_centrality, nx.in_degree_centrality, nx.out_degree_centrality))
    },
    "degrees": lambda g, u, c: {i: dict(f()) for i, f in enumerate((g.degree, g.in_degree, g.out_degree))},
    "degrees, as arrays": lambda g, u, c: counts(g),
    "weighted degrees": lambda g, u, c: {
        i: dict(f(weight="weight")) for i, f in enumerate((g.degree, g.in_degree, g.out_degree))
    },
    "weak components": lambda g, u, c: list(nx.weakly_connected_components(g)),
    "strong components": lambda g, u, c: list(nx.strongly_connected_components(g)),
    "pagerank": lambda g, u, c: nx.pagerank(g),
    "clustering": lambda g, u, c: nx.clustering(u),
    "directed clustering": lambda g, u, c: nx.clustering(g),
    "transitivity": lambda g, u, c: nx.transitivity(u),
    "triadic census": lambda g, u, c: nx.triadic_census(g),
    "rich club": lambda g, u, c: nx.rich_club_coefficient(u, normalized=False),
    "core numbers": lambda g, u, c: nx.core_number(u),
    "reciprocity": lambda g, u, c: nx.overall_reciprocity(g),
    "modularity": lambda g, u, c: nx.community.modularity(g, c),
}


def finds(directed: Any, undirected: Any, groups: Groups) -> Groups:
    return communities(undirected)


# What networkx finishes on the whole brain too.
QUICK = (
    "degree centralities",
    "degrees",
    "degrees, as arrays",
    "weighted degrees",
    "weak components",
    "strong components",
    "pagerank",
    "core numbers",
    "reciprocity",
    "modularity",
    "rich club",
)


def pagerank(rounds: int) -> Iterator[dict[str, Any]]:
    n, n_edges = 3_000, 110_000
    circuit = circuit_of(n, *random_edges(n, n_edges, 1))
    edges = edge_tuples(circuit)
    nx.pagerank(replace(circuit))  # what is compiled or imported once
    theirs, first, again, worst = [], [], [], 0.0
    for _ in range(rounds):
        seconds, expected = timed(lambda: nx.pagerank(build(n, edges)))
        fresh = replace(circuit)
        one, found = timed(lambda fresh=fresh: nx.pagerank(fresh))
        two, _ = timed(lambda fresh=fresh: nx.pagerank(fresh))
        theirs, first, again = [*theirs, seconds], [*first, one], [*again, two]
        worst = max(worst, difference(found, expected))
    middle = statistics.median
    yield {
        "what": "pagerank on a circuit", "nodes": n, "edges": n_edges, "rounds": rounds,
        "networkx_ms": round(1e3 * middle(theirs), 1), "first_ms": round(1e3 * middle(first), 2),
        "again_ms": round(1e3 * middle(again), 2), "ratio_first": round(middle(theirs) / middle(first), 1),
        "ratio_again": round(middle(theirs) / middle(again), 1), "largest_difference": worst,
    }  # fmt: skip


def conversion(rounds: int) -> Iterator[dict[str, Any]]:
    n, n_edges = 20_000, 1_000_000
    given = circuit_of(n, *random_edges(n, n_edges, 2))
    edges = edge_tuples(given)
    times: dict[str, list[float]] = {"build": [], "from": [], "to": [], "graph": []}
    for _ in range(rounds):
        seconds, graph = timed(lambda: build(n, edges))
        times["build"].append(seconds)
        seconds, circuit = timed(lambda graph=graph: from_networkx(graph))
        times["from"].append(seconds)
        seconds, back = timed(lambda circuit=circuit: to_networkx(circuit))
        times["to"].append(seconds)
        times["graph"].append(timed(lambda circuit=circuit: circuit.graph())[0])
        assert nx.utils.graphs_equal(back, graph)
        assert list(back.edges) == list(graph.edges)
        del graph, circuit, back
    median = {name: statistics.median(values) for name, values in times.items()}
    yield {
        "what": "conversion", "nodes": n, "edges": n_edges, "rounds": rounds,
        **{f"{name}_s": round(seconds, 3) for name, seconds in median.items()},
        "from_over_build": round(median["from"] / median["build"], 3),
        "to_over_build": round(median["to"] / median["build"], 3),
    }  # fmt: skip


def communities(graph: Any) -> Groups:
    found: Groups = nx.community.louvain_communities(graph, seed=0)
    return found


def warm() -> None:
    """Compile and import what is compiled and imported once, on a small graph."""
    small = brain(300, 3_000)
    groups = communities(small.graph(directed=False))
    for measure in FLY.values():
        measure(small.graph(), small.graph(directed=False), groups)


def fly(rounds: int) -> Iterator[dict[str, Any]]:
    warm()
    circuit = brain(NODES, EDGES)
    start, times = time.perf_counter(), dict[str, float]()
    times["graphs"], (directed, undirected) = timed(lambda: (circuit.graph(), circuit.graph(directed=False)))
    times["communities"], groups = timed(lambda: communities(undirected))
    for name, measure in FLY.items():
        times[name], _ = timed(lambda measure=measure: measure(directed, undirected, groups))
    report, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield {
        "what": "fly report", "nodes": NODES, "edges": EDGES, "largest_degree": max(d for _, d in undirected.degree),
        "communities": len(groups), "modularity": round(nx.community.modularity(directed, groups), 4),
        "report_s": round(report, 2),
        "peak_gb": round(peak / 2**20, 2),
        "seconds": {name: round(seconds, 3) for name, seconds in times.items()},
    }  # fmt: skip


def compare(n: int, measures: Mapping[str, Measure]) -> Iterator[dict[str, Any]]:
    warm()
    circuit = brain(n, n * EDGES // NODES)
    ours = circuit.graph(), circuit.graph(directed=False)
    theirs = tuple(g.to_networkx() for g in ours)
    groups = communities(ours[1])
    for name, measure in measures.items():
        slow, expected = timed(lambda measure=measure: measure(*theirs, groups))
        fast = []
        for _ in range(3):
            seconds, found = timed(lambda measure=measure: measure(*ours, groups))
            fast.append(seconds)
        yield {
            "what": f"compare {name}", "nodes": n, "edges": circuit.n_slots, "networkx_s": round(slow, 4),
            "seconds": round(statistics.median(fast), 5), "ratio": round(slow / statistics.median(fast), 1),
            **judged(name, theirs[1], found, expected),
        }  # fmt: skip


def judged(name: str, graph: Any, found: Any, expected: Any) -> dict[str, float]:
    if name != "communities":
        return {"largest_difference": difference(found, expected)}
    ours, theirs = (nx.community.modularity(graph, groups) for groups in (found, expected))
    return {"modularity": round(ours, 4), "networkx_modularity": round(theirs, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", default=["fly", "pagerank", "conversion", "compare", "large"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compare", type=int, default=5_000, help="nodes on which networkx runs every measure")
    parser.add_argument("--large", type=int, default=NODES, help="nodes on which networkx runs the quick ones; 5 GB")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # The fly first: the peak of memory is the process's.
    parts: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "fly": lambda: fly(given.rounds), "pagerank": lambda: pagerank(given.rounds),
        "conversion": lambda: conversion(given.rounds),
        "compare": lambda: compare(given.compare, {**FLY, "communities": finds}),
        "large": lambda: compare(given.large, {name: FLY[name] for name in QUICK}),
    }  # fmt: skip
    versions = {
        "networkx": nx.__version__, "numpy": np.__version__, "scipy": scipy.__version__,
        "python": platform.python_version(), "cpus": os.cpu_count(), "omp": os.environ.get("OMP_NUM_THREADS", ""),
    }  # fmt: skip
    lines = []
    for name, part in parts.items():
        for line in part() if name in given.parts else ():
            lines.append(line | versions)
            print(json.dumps(line), flush=True)
    if given.json:
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
