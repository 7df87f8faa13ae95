"""A stock ResNet-18 and a two-layer LSTM: read, pruned by community, written again; and graphs of PyG there and back.

Communities are found on the graph of units (Louvain, |weights|), and every slot between two of them is removed.  Of
each unit's incoming edges the strongest few count: among all of them, layers that are wired all to all have no
communities but stretches of layers.  What hears an input, and the last linear layer, stay whole, so that every
community is on a way from input to output.  Outputs are compared in eval mode on random inputs: module and circuit,
pruned network and the module written from it.

    python benchmarks/exchange.py [--size 224] [--width 64] [--json]

--json writes benchmarks/results/exchange.jsonl
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from resnet import ResNet18, lived_in
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.bench.report import environment
from circuitgraph.communities import louvain
from circuitgraph.exchange import from_pyg, from_torch, to_pyg, to_torch
from circuitgraph.structural import Community, Prune, Threshold

RESULTS = Path(__file__).parent / "results" / "exchange.jsonl"


STRONGEST = 4
"""So many incoming edges of each unit count."""


def strongest(a: Any) -> Any:
    """Keep the largest entries of every column, as shares of their sum: a shortcut of weight one outweighs no layer."""
    column = np.repeat(np.arange(a.shape[1]), np.diff(a.indptr))
    order = np.lexsort((-a.data, column))
    keep = order[np.arange(len(order)) - a.indptr[column[order]] < STRONGEST]
    total = np.bincount(column[keep], a.data[keep], a.shape[1])
    return sp.csc_array((a.data[keep] / total[column[keep]], (a.indices[keep], column[keep])), shape=a.shape)


def labels_of(circuit: cg.Circuit) -> dict[str, np.ndarray]:
    """Find communities among all units."""
    found = louvain(strongest(abs(cg.to_adjacency(circuit, max_edges=None)).tocsc()), rng=0).labels
    ends = np.cumsum([p.n_units for p in circuit.populations])
    return dict(zip([p.name for p in circuit.populations], np.split(found, ends[:-1]), strict=True))


def timed(f: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return f(), time.perf_counter() - start


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@torch.no_grad()
def exchanged(name: str, module: nn.Module, x: Tensor, run: Callable[[cg.Network, Tensor], Tensor]) -> dict[str, Any]:
    """Read a module, prune it by community, write it, and say how far outputs are apart at each step."""
    module.eval()
    expected = module(x)
    expected = expected[0] if isinstance(expected, tuple) else expected
    circuit, read = timed(lambda: from_torch(module, x))
    net = cg.compile(circuit).eval()
    before = run(net, x)
    labels, found = timed(lambda: labels_of(circuit))
    ends = {*net.plan.inputs, *net.plan.outputs} if len(circuit.populations) > 3 else {*net.plan.inputs}
    inner = tuple(p.name for p in circuit.projections if not p.fixed and not ends & {p.pre, p.post})
    _, pruned = timed(lambda: Prune(Community(labels), Threshold(1.0), projections=inner)(net))
    after = run(net, x)
    written, wrote = timed(lambda: to_torch(net))
    n = {p.name: p.n_slots for p in circuit.projections if not p.fixed}
    left = {p.name: p.n_slots for p in net.circuit.projections if not p.fixed}
    return {
        "what": name,
        "input": list(x.shape),
        "slots": sum(n.values()),
        "circuit_apart": apart(before, expected),
        "largest_output": float(expected.abs().max()),
        "communities": len(np.unique(np.concatenate(list(labels.values())))),
        "pruned_share": 1 - sum(left.values()) / sum(n.values()),
        "changed_by_pruning": apart(after, before),
        "differs_between_inputs": float((after - run(net, x.roll(1, 0))).abs().max()),
        "written_apart": apart(written(x), after),
        "layers": sorted({type(m).__name__ for m in written.children()}),
        "seconds": {"read": read, "communities": found, "prune": pruned, "write": wrote},
    }


def graphs(n_nodes: int = 100_000, n_edges: int = 1_000_000) -> dict[str, Any]:
    """Make a circuit of a PyG graph and a graph of the circuit."""
    from torch_geometric.data import Data

    rng = np.random.default_rng(0)
    key = np.unique(rng.integers(0, n_nodes**2, n_edges))
    edges = torch.tensor(np.stack([key % n_nodes, key // n_nodes]))
    data = Data(edge_index=edges, edge_weight=torch.rand(len(key)), x=torch.rand(n_nodes, 4))
    circuit, there = timed(lambda: from_pyg(data))
    back, again = timed(lambda: to_pyg(circuit))
    exact = all(torch.equal(data[field], back[field]) for field in ("edge_index", "edge_weight", "x"))
    seconds = {"from_pyg": there, "to_pyg": again}
    return {"what": "PyG graph", "nodes": n_nodes, "edges": len(key), "exact": exact, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    resnet, image = lived_in(ResNet18(1000, args.width)), torch.randn(2, 3, args.size, args.size)
    lstm, sequence = nn.LSTM(128, 256, num_layers=2), torch.randn(35, 8, 128)
    small = lived_in(ResNet18(10, args.width))
    lines = [
        exchanged("ResNet-18", resnet, image, lambda net, x: net(x)),
        exchanged("ResNet-18", small, torch.randn(8, 3, 32, 32), lambda net, x: net(x)),
        exchanged("LSTM of two layers", lstm, sequence, lambda net, x: net.run(x)[0]),
        graphs(),
    ]
    lines = [line | {"environment": environment(torch.device("cpu"))} for line in lines]
    for line in lines:
        print(json.dumps({k: v for k, v in line.items() if k != "environment"}, indent=2))
    if args.json:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
