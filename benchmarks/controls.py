"""Random controls and statistics against them: how long they take, and networkx for the same swaps.

Circuits of one population, wired at random: `circuit.rewired(...)` of 100,000 slots, and one degree-preserving draw of
a graph as large as a fly's brain (139,000 nodes, 2.6 million directed edges).  networkx's own double edge swaps are
timed on an undirected graph of 3,000 nodes and 15,000 edges, as many swaps as attempts that ours makes.

    python benchmarks/controls.py [--json]     --json writes benchmarks/results/controls.jsonl
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import torch

import circuitgraph as cg
from circuitgraph.bench.report import environment
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.motifs import motifs
from circuitgraph.graphs.nulls import ROUNDS, draw_pairs, swap_edges
from circuitgraph.views.controls import CONTROLS, rewired

RESULTS = Path(__file__).parent / "results" / "controls.jsonl"


def timed(call: Callable[[], object], n: int = 5) -> dict[str, float]:
    """Give the median and the spread of n calls, after one that compiles."""
    call()
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return {"median_s": statistics.median(seconds), "min_s": min(seconds), "max_s": max(seconds), "n": n}


def rows() -> list[dict[str, object]]:
    circuit = cg.Circuit().add("x", 3000).connect("x", "x", cg.ErdosRenyi(1e5 / 9e6, self_loops=False), delay=1)
    found = [
        {"what": f"rewired {null}", "edges": circuit.n_slots, **timed(lambda null=null: rewired(circuit, null))}
        for null in CONTROLS
    ]
    rng = np.random.default_rng(0)
    brain = Arrays.from_edges(139_000, *draw_pairs(139_000, 139_000, 2_600_000, rng, loops=False))
    found.append({"what": "swap, fly size", "edges": brain.n_edges, **timed(lambda: swap_edges(brain), 3)})
    worm = Arrays.from_edges(300, *draw_pairs(300, 300, 2266, rng, loops=False))
    found.append({"what": "motifs, 100 controls", "edges": worm.n_edges, **timed(lambda: motifs(worm), 3)})
    pairs = Arrays.from_edges(3000, *draw_pairs(3000, 3000, 15_000, rng, loops=False, directed=False), directed=False)
    ours = timed(lambda: swap_edges(pairs))
    found.append({"what": "swap, undirected", "edges": pairs.n_edges, **ours})
    graph = nx.from_scipy_sparse_array(pairs.matrix)
    n_swaps = ROUNDS * pairs.n_edges
    theirs = timed(lambda: nx.double_edge_swap(graph, n_swaps, 20 * n_swaps, seed=0), 3)
    found.append({"what": "networkx double_edge_swap", "edges": pairs.n_edges, **theirs})
    found.append({"what": "networkx over ours", "ratio": theirs["median_s"] / ours["median_s"]})
    found.append({"what": "peak memory", "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = rows()
    for row in found:
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
    if wanted.json:
        RESULTS.write_text("".join(json.dumps(row | environment(torch.device("cpu"))) + "\n" for row in found))


if __name__ == "__main__":
    main()
