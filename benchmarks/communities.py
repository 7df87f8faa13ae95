"""Communities: time on a graph of 1,000,000 edges, hidden communities near the threshold, false alarms.

Times are medians, one process, one thread, one method after the other in every round; each starts from the same
compressed matrix and ends with labels, so that building networkit's graph counts for both sides.  networkx starts from
its own graph, whose making is not counted, and runs `--networkx` times.  `plain` Bethe-Hessian is H(r) of Saade et al.
(2014) at r = the root of the mean branching, its q lowest eigenvectors, and k-means with q given; `spectral` is not
told q, `spectral_q_given` is.  networkx runs after the others, not between them: it takes a minute.

    python benchmarks/communities.py [--rounds 9] [--graphs 10] [--random 1000] [--networkx 3] [--json]

--json writes benchmarks/results/communities.jsonl
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkit as nk
import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import eigsh
from sklearn.cluster import KMeans

from circuitgraph.bench.report import environment
from circuitgraph.communities import block_model, leiden, louvain, nmi, overlap, planted, spectral

RESULTS = Path(__file__).parent / "results" / "communities.jsonl"
BLOCKS, BLOCK = 50, 200
SETTINGS = ((2, 5.0), (4, 16.0))
SIGNALS = (0.0, 0.8, 1.2, 1.5, 2.0, 3.0)
FIRST_SEED = 5000
"""No graph below it is counted: the edge of `spectral` was set while looking at those."""
RANDOM = ((2000, 5.0), (2000, 10.0), (500, 3.0), (20_000, 5.0))


def million(mixing: float = 0.5) -> tuple[Any, np.ndarray]:
    """Draw 10,000 nodes in 50 blocks with about 1,000,000 edges, a share of them between blocks."""
    degree, n = 200.0, BLOCKS * BLOCK
    rates = np.full((BLOCKS, BLOCKS), degree * mixing / (n - BLOCK))
    np.fill_diagonal(rates, degree * (1 - mixing) / (BLOCK - 1))
    return block_model([BLOCK] * BLOCKS, rates)


def networkit_labels(a: Any, make: Callable[[Any], Any]) -> np.ndarray:
    upper = sp.triu(a).tocoo()
    ends = upper.row.astype(np.uint64), upper.col.astype(np.uint64)
    graph = nk.GraphFromCoo((upper.data, ends), n=a.shape[0], weighted=True)
    return np.array(make(graph).run().getPartition().getVector())


def networkx_labels(graph: nx.Graph) -> np.ndarray:
    labels = np.empty(len(graph), int)
    for c, members in enumerate(nx.community.louvain_communities(graph, seed=0)):
        labels[list(members)] = c
    return labels


def timed(works: dict[str, Callable[[], np.ndarray]], rounds: int) -> dict[str, tuple[list[float], np.ndarray]]:
    """Run the works in turn, `rounds` times; the first round, when code is made, does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    labels = {}
    for turn in range(rounds + 1):
        for name, work in works.items():
            start = time.perf_counter()
            labels[name] = work()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: (times[name], labels[name]) for name in works}


def speed(rounds: int, slow_rounds: int) -> Iterator[dict[str, object]]:
    for mixing in (0.5, 0.8):
        a, truth = million(mixing)
        nk.setNumberOfThreads(1)
        works: dict[str, Callable[[], np.ndarray]] = {
            "louvain": lambda a=a: louvain(a).labels,
            "networkit PLM": lambda a=a: networkit_labels(a, nk.community.PLM),
            "leiden": lambda a=a: leiden(a).labels,
            "networkit ParallelLeiden": lambda a=a: networkit_labels(a, nk.community.ParallelLeiden),
            "spectral": lambda a=a: spectral(a).labels,
        }
        found = timed(works, rounds)
        if mixing == 0.5:
            graph = nx.from_scipy_sparse_array(a)
            found |= timed({"networkx louvain_communities": lambda g=graph: networkx_labels(g)}, slow_rounds)
        median = {name: statistics.median(times) for name, (times, _) in found.items()}
        for name, (times, labels) in found.items():
            own = median["louvain" if "PLM" in name or "louv" in name else "leiden"]
            yield {
                "what": f"time of {name}", "nodes": a.shape[0], "edges": a.nnz // 2, "mixing": mixing,
                "rounds": len(times), "seconds": round(median[name], 4),
                "least": round(min(times), 4), "most": round(max(times), 4),
                "our_time_over_this": round(own / median[name], 3) if name != "spectral" else None,
                "nmi": round(nmi(labels, truth), 4), "communities": len(np.unique(labels)),
            }  # fmt: skip


def plain(a: Any, q: int) -> np.ndarray:
    """Cluster by the textbook's Bethe-Hessian."""
    degree = a.sum(axis=1)
    r = np.sqrt((degree**2).sum() / degree.sum() - 1)
    h = sp.csr_array(sp.diags_array(r**2 - 1 + degree) - r * a)
    _, vectors = eigsh(h, q, which="SA", tol=1e-6, v0=np.random.default_rng(0).standard_normal(a.shape[0]))
    found: np.ndarray = KMeans(q, n_init=10, random_state=0).fit_predict(vectors)
    return found


def hidden(n_graphs: int, n: int = 20_000) -> Iterator[dict[str, object]]:
    for degree_corrected in (False, True):
        for q, degree in SETTINGS:
            for signal in SIGNALS:
                found = [one(n, q, degree, signal, degree_corrected, FIRST_SEED + s) for s in range(n_graphs)]
                ours, given, theirs, modular, counts = (np.array(x) for x in zip(*found, strict=True))
                yield {
                    "what": "hidden communities" + (", degree-corrected" if degree_corrected else ""), "nodes": n,
                    "q": q, "degree": degree, "signal": signal, "graphs": n_graphs, "spectral": round(ours.mean(), 4),
                    "spectral_q_given": round(given.mean(), 4), "plain_bethe_hessian": round(theirs.mean(), 4),
                    "least_difference": round((ours - theirs).min(), 4),
                    "least_difference_q_given": round((given - theirs).min(), 4),
                    "leiden_nmi": round(modular.mean(), 4), "communities": counts.tolist(),
                }  # fmt: skip


def one(n: int, q: int, degree: float, signal: float, corrected: bool, seed: int) -> tuple[float, ...]:
    """Give the overlaps on one graph, and the number of communities that `spectral` found."""
    if corrected:
        contrast, rng = (signal * degree) ** 0.5, np.random.default_rng(seed)
        rates = np.full((q, q), (degree - contrast) / n)
        np.fill_diagonal(rates, (degree + (q - 1) * contrast) / n)
        # Propensities as Dall'Amico et al. (2019) draw them: cubes of uniform numbers.
        a, truth = block_model([n // q] * q, rates, propensity=rng.uniform(3, 7, n) ** 3, rng=seed)
    else:
        a, truth = planted(n, q, degree=degree, signal=signal, rng=seed)
    blind = spectral(a, rng=seed)
    overlaps = (overlap(found, truth) for found in (blind, spectral(a, q, rng=seed), plain(a, q)))
    return *overlaps, nmi(leiden(a, rng=seed), truth), blind.n_communities


def alarms(n_graphs: int) -> Iterator[dict[str, object]]:
    for n, degree in RANDOM:
        count = n_graphs if n < 20_000 else n_graphs // 10
        wrong = sum(
            spectral(planted(n, 1, degree=degree, signal=0.0, rng=seed)[0]).n_communities > 1
            for seed in range(FIRST_SEED, FIRST_SEED + count)
        )
        yield {
            "what": "false alarms of spectral on Erdős-Rényi graphs", "nodes": n, "degree": degree, "graphs": count,
            "false": wrong, "share": round(wrong / count, 4),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--networkx", type=int, default=3)
    parser.add_argument("--graphs", type=int, default=10)
    parser.add_argument("--random", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    lines = []
    versions = {"networkit": nk.__version__, "networkx": nx.__version__, **environment(torch.device("cpu"))}
    for found in (alarms(given.random), hidden(given.graphs), speed(given.rounds, given.networkx)):
        for line in found:
            lines.append(line | versions)
            print(json.dumps(line, ensure_ascii=False), flush=True)
    if given.json:
        RESULTS.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
