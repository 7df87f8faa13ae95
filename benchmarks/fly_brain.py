"""A fly brain's report: 139,000 nodes and 2,600,000 directed edges of unequal degrees, through networkx's functions.

Two tables.  The report: every measure called once as `nx.f(graph)` on a graph of ours, in a process of its own, with
its time (reading compiled code from disk included) and the peak of memory.  The comparison: the same calls on graphs of
networkx with the same edges, at `--small` nodes with as many edges per node, where networkx can finish; values are
compared, and times are medians of `--rounds` for us and one run for networkx, whose graph is made beforehand.

    python benchmarks/fly_brain.py [--nodes 139000] [--edges 2600000] [--small 20000] [--rounds 5] [--json]

--json writes benchmarks/results/fly_brain.jsonl
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch

from circuitgraph.bench.report import environment
from circuitgraph.views.graph import Graph

RESULTS = Path(__file__).parent / "results" / "fly_brain.jsonl"
REGIONS = 60
Call = Callable[[Any, Any], Any]
MEASURES: dict[str, Call] = {
    "degree_centrality": lambda g, u: nx.degree_centrality(g),
    "in_degree_centrality": lambda g, u: nx.in_degree_centrality(g),
    "weakly_connected_components": lambda g, u: list(nx.weakly_connected_components(g)),
    "strongly_connected_components": lambda g, u: list(nx.strongly_connected_components(g)),
    "pagerank": lambda g, u: nx.pagerank(g),
    "overall_reciprocity": lambda g, u: nx.overall_reciprocity(g),
    "core_number": lambda g, u: nx.core_number(g),
    "clustering": lambda g, u: nx.clustering(g),
    "clustering, weighted": lambda g, u: nx.clustering(g, weight="weight"),
    "transitivity": lambda g, u: nx.transitivity(g),
    "triangles, undirected": lambda g, u: nx.triangles(u),
    "triadic_census": lambda g, u: nx.triadic_census(g),
    "rich_club_coefficient, undirected": lambda g, u: nx.rich_club_coefficient(u, normalized=False),
    "degree_assortativity_coefficient": lambda g, u: nx.degree_assortativity_coefficient(g),
    "louvain_communities": lambda g, u: nx.community.louvain_communities(g, seed=0),
    "modularity": lambda g, u: nx.community.modularity(g, regions(g)),
}


def edges(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw lognormal degrees, three edges in four within one of 60 regions, one pair in eight answered, and counts."""
    rng = np.random.default_rng(seed)
    out = rng.lognormal(0, 1.1, n)
    into = out**0.7 * rng.lognormal(0, 0.7, n)
    k = int(1.35 * m)
    pre, post = rng.choice(n, k, p=out / out.sum()), rng.choice(n, k, p=into / into.sum())
    region, local = np.arange(n) * REGIONS // n, rng.random(k) < 0.75
    reach = np.concatenate([[0.0], np.cumsum(into)])
    first = np.searchsorted(region, np.arange(REGIONS + 1))
    low, high = reach[first[region[pre[local]]]], reach[first[region[pre[local]] + 1]]
    post[local] = np.clip(np.searchsorted(reach, low + rng.random(len(low)) * (high - low)) - 1, 0, n - 1)
    back = rng.random(k) < 0.06
    key = np.sort(np.concatenate([pre * n + post, (post * n + pre)[back]]))
    key = key[(np.diff(key, prepend=-1) != 0) & (key // n != key % n)]
    key = np.sort(rng.permutation(key)[:m])
    return key // n, key % n, rng.geometric(0.2, len(key)).astype(float)


def ours(n: int, m: int) -> tuple[Graph, Graph]:
    pre, post, weight = edges(n, m)
    directed = Graph.from_edges(range(n), pre, post, {"weight": weight})
    key = np.sort(np.minimum(pre, post) * n + np.maximum(pre, post))
    key = key[np.diff(key, prepend=-1) != 0]
    return directed, Graph.from_edges(range(n), key // n, key % n, directed=False)


def regions(graph: Any) -> list[set[int]]:
    bounds = [len(graph) * r // REGIONS for r in range(REGIONS + 1)]
    return [set(range(low, high)) for low, high in pairwise(bounds)]


def report(n: int, m: int) -> None:
    """Print one line per measure and one for all; the graph's making counts for memory only."""
    directed, undirected = ours(n, m)
    begin = time.perf_counter()
    for name, call in MEASURES.items():
        start = time.perf_counter()
        call(directed, undirected)
        line = {"what": f"report: {name}", "nodes": n, "edges": directed.n_edges}
        print(json.dumps(line | {"seconds": round(time.perf_counter() - start, 3)}), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    total = round(time.perf_counter() - begin, 2)
    line = {"what": "report: all", "nodes": n, "edges": directed.n_edges, "seconds": total}
    print(json.dumps(line | {"peak_gb": round(peak, 2)}), flush=True)


def comparison(n: int, m: int, rounds: int) -> None:
    directed, undirected = ours(n, m)
    theirs = directed.to_networkx(), undirected.to_networkx()
    for name, call in MEASURES.items():
        found, times = call(directed, undirected), []
        for _ in range(rounds):
            start = time.perf_counter()
            call(directed, undirected)
            times.append(time.perf_counter() - start)
        start = time.perf_counter()
        expected = call(*theirs)
        seconds = time.perf_counter() - start
        line = {
            "what": f"comparison: {name}", "nodes": n, "edges": directed.n_edges, "rounds": rounds,
            "seconds": round(statistics.median(times), 5), "networkx_seconds": round(seconds, 3),
            "ratio": round(seconds / statistics.median(times), 1), "largest_difference": difference(found, expected),
        }  # fmt: skip
        print(json.dumps(line), flush=True)


def difference(ours: Any, theirs: Any) -> float:
    """Give the largest difference of numbers; infinity where keys, sets or their order differ."""
    if isinstance(theirs, dict):
        return max(difference(ours[k], v) for k, v in theirs.items()) if list(ours) == list(theirs) else math.inf
    if isinstance(theirs, list | set):
        return 0.0 if ours == theirs else math.inf
    return abs(ours - theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=int, default=139_000)
    parser.add_argument("--edges", type=int, default=2_600_000)
    parser.add_argument("--small", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=["report", "comparison"])
    given = parser.parse_args()
    small = given.small, given.small * given.edges // given.nodes
    if given.part:
        report(given.nodes, given.edges) if given.part == "report" else comparison(*small, given.rounds)
        return
    lines = []
    for part in ("report", "comparison"):
        command = [sys.executable, __file__, *sys.argv[1:], "--part", part]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for text in process.stdout or ():
                print(text, end="", flush=True)
                lines.append(json.loads(text) | environment(torch.device("cpu")))
        if process.returncode:
            raise SystemExit(process.returncode)
    if given.json:
        RESULTS.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
