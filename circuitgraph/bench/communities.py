"""Hebbian edges of a graph network on graphs with planted and with hidden communities: which edges run between them?

A node's features are random numbers around a mean that its community shares, too weak to tell it by themselves.  Edges
learn by Oja's rule and without labels while noise spreads over the graph: from each hop to the next one slot per edge
and direction, shared by all features.  Two `Conv(1)` behind them learn by gradient to name the community, from the
labels of training nodes.  Edges are then removed from the live network, by each method as many, and it learns on.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.bench.community_tasks import CommunitySettings, GraphName, Task, draw_task
from circuitgraph.communities import Partition, leiden, nmi, spectral
from circuitgraph.compiler import Network, carry, compile
from circuitgraph.edits import RemoveSlots, Together
from circuitgraph.ir import Circuit
from circuitgraph.neurons import ReLU
from circuitgraph.rules import Oja
from circuitgraph.structural import (
    Community,
    Count,
    HebbianTrace,
    Magnitude,
    Random,
    Score,
    Trainer,
    look,
)
from circuitgraph.structural.amounts import Candidates
from circuitgraph.topologies import Conv, GraphEdges, OneToOne

Line = dict[str, Any]
DETECTORS: dict[str, Callable[..., Partition]] = {"leiden": leiden, "spectral": spectral}


def build(task: Task, settings: CommunitySettings, *, hebbian: bool = True) -> Circuit:
    """Wire hops along edges in both directions, each node hearing itself too, and two mixing layers behind them.

    With `hebbian` edges learn by Oja's rule, else by gradient.  An edge starts at half of 1 / sqrt(degree * degree);
    slots e and E + e of every hop are the two directions of edge e.
    """
    pre, post = np.concatenate([task.ends, task.ends[::-1]], axis=1)
    degree = np.bincount(post, minlength=len(task.labels))
    weight = 0.5 / np.sqrt(degree[pre] * degree[post])
    rule = Oja(settings.hebbian_lr, normalize="neuron", unit_norm=True) if hebbian else None
    circuit = Circuit().add("hop 0", tuple(task.features.shape))
    for i in range(settings.hops):
        ends = f"hop {i}", f"hop {i + 1}"
        circuit = circuit.connect(*ends, GraphEdges(pre, post), weight=weight.astype(np.float32), rule=rule)
        circuit = circuit.connect(*ends, OneToOne(), weight=0.5, fixed=True, name=f"self {i}")
    last, n_classes = f"hop {settings.hops}", int(task.labels.max()) + 1
    circuit = circuit.connect(last, "hidden", Conv(1), units=settings.hidden, neuron=ReLU(), rng=task.seed)
    return circuit.connect("hidden", "class", Conv(1), units=n_classes, rng=task.seed)


def hops(circuit: Circuit) -> list[str]:
    """Name the projections along edges, the first hop first."""
    return [p.name for p in circuit.projections if isinstance(p.topology, GraphEdges)]


def noise(task: Task, settings: CommunitySettings, *, features: bool) -> list[Tensor]:
    """Draw what edges learn from: noise at every node, alone or on top of the features.  Shape: each (B, F, N)."""
    rng = torch.Generator().manual_seed(task.seed)
    shape = settings.batch_size, *task.features.shape
    drawn = [torch.randn(shape, generator=rng) for _ in range(settings.n_batches)]
    return [(x + task.features) / 2**0.5 for x in drawn] if features else drawn


def learn_edges(task: Task, settings: CommunitySettings, *, features: bool) -> Network:
    """Let edges learn by their rule; no label is read."""
    net = compile(build(task, settings))
    Trainer(net).fit(noise(task, settings, features=features), epochs=settings.passes)
    return net


def learn_classes(net: Network, optimizer: torch.optim.Optimizer, task: Task, epochs: int) -> None:
    """Train by gradient on the labels of training nodes; edges with a rule stay as they are."""
    at = torch.tensor(np.flatnonzero(task.train))
    target = torch.tensor(task.labels[task.train])
    x = scaled(net, task)
    for _ in range(epochs):
        loss = torch.nn.functional.cross_entropy(net(x)[0][:, at].T, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def scaled(net: Network, task: Task) -> Tensor:
    """Scale the features so that what comes out of the last hop has a standard deviation of 1.  Shape: (1, F, N)."""
    x = task.features[None]
    return x / net.step(x)[f"hop {len(hops(net.circuit))}"].std()


@torch.no_grad()
def accuracy(net: Network, task: Task) -> float:
    """Measure which share of the test nodes is named right."""
    found = net(scaled(net, task))[0].argmax(0).numpy()
    return float((found == task.labels)[~task.train].mean())


def optimizer_of(net: Network, settings: CommunitySettings) -> torch.optim.Optimizer:
    """Make the optimiser of whatever learns by gradient."""
    return torch.optim.Adam([w for w in net.parameters() if w.requires_grad], lr=settings.learning_rate)


Choice = Callable[[Task, CommunitySettings], Tensor]
"""Gives each undirected edge a number: the higher, the more it is worth keeping.  Shape: -> (E,)."""


def _trace(task: Task, settings: CommunitySettings, *, features: bool = True) -> Tensor:
    net = learn_edges(task, settings, features=features)
    # The last hop, where activity has met on the longest paths.
    return scored(net, HebbianTrace(), hops(net.circuit)[-1:], noise(task, settings, features=features))


def _weight(task: Task, settings: CommunitySettings) -> Tensor:
    net = learn_edges(task, settings, features=True)
    return scored(net, Magnitude(), hops(net.circuit))


def _magnitude(task: Task, settings: CommunitySettings) -> Tensor:
    net = compile(build(task, settings, hebbian=False))
    learn_classes(net, optimizer_of(net, settings), task, settings.epochs)
    return scored(net, Magnitude(), hops(net.circuit))


def _detected(task: Task, settings: CommunitySettings, *, detector: str) -> Tensor:
    return _by_labels(task, settings, DETECTORS[detector](task.adjacency, rng=task.seed).labels)


def _oracle(task: Task, settings: CommunitySettings) -> Tensor:
    return _by_labels(task, settings, task.labels)


def _by_labels(task: Task, settings: CommunitySettings, labels: np.ndarray) -> Tensor:
    """Score by communities; among equals an edge between nodes of few edges is kept, as it starts strong."""
    net = compile(build(task, settings))
    score = Community({p.name: labels for p in net.circuit.populations if p.name.startswith("hop")})
    return scored(net, score, hops(net.circuit)[-1:])


def _random(task: Task, settings: CommunitySettings) -> Tensor:
    net = compile(build(task, settings))
    return scored(net, Random(task.seed), hops(net.circuit)[-1:])


METHODS: Mapping[str, tuple[str, Choice]] = {
    "trace": ("Hebbian trace: features, topology", _trace),
    "trace of noise": ("Hebbian trace: topology", partial(_trace, features=False)),
    "hebbian weight": ("weight learned by Oja's rule: features, topology", _weight),
    "leiden": ("communities by Leiden: topology", partial(_detected, detector="leiden")),
    "spectral": ("communities by Bethe-Hessian: topology", partial(_detected, detector="spectral")),
    "magnitude": ("weight learned by gradient: features, topology, labels of training nodes", _magnitude),
    "random": ("nothing", _random),
    "oracle": ("all true labels: the bound", _oracle),
}
"""What each method scores by, and reads; no method but the oracle and `magnitude` is reached by any label."""


def scored(net: Network, score: Score, names: Sequence[str], data: Sequence[Tensor] | None = None) -> Tensor:
    """Score undirected edges: the sum over projections and over both directions.  Shape: -> (E,)."""
    seen = look(net, names, data, reads=score.reads)
    total = torch.stack([score.score(seen[name]) for name in names]).sum(0)
    return total.view(2, -1).sum(0)


def choose(method: str, task: Task, settings: CommunitySettings) -> np.ndarray:
    """Mark the edges that a method removes, as many as the task says.  Shape: (E,) bool.

    Example:
        >>> from circuitgraph.bench.community_tasks import QUICK
        >>> task = draw_task("attached", QUICK, 0)
        >>> int(choose("leiden", task, QUICK).sum()) == task.n_removed
        True
    """
    score = METHODS[method][1](task, settings).detach()
    found: np.ndarray = Count(task.n_removed).select([Candidates("edges", score)])[0].numpy()
    return found


def agreement(removed: np.ndarray, between: np.ndarray) -> dict[str, float]:
    """Compare removed edges with those that truly run between communities.  Shape: (E,) bool, twice.

    precision = hits / removed,   recall = hits / between,   f1 = 2 hits / (removed + between);   0 where that is 0 / 0.

    Example:
        >>> agreement(np.array([True, True, False]), np.array([True, False, False]))["f1"].__round__(3)
        0.667
    """
    hits, n_removed, n_between = (int(marked.sum()) for marked in (removed & between, removed, between))
    return {
        "precision": hits / max(n_removed, 1),
        "recall": hits / max(n_between, 1),
        "f1": 2 * hits / max(n_removed + n_between, 1),
    }


def remove(net: Network, optimizer: torch.optim.Optimizer, removed: np.ndarray, reason: str) -> None:
    """Remove undirected edges from every hop, in both directions: one edit of the live network."""
    slots = np.flatnonzero(np.concatenate([removed, removed]))
    edit = Together([RemoveSlots(name, slots) for name in hops(net.circuit)])
    carry(optimizer, net.edit(edit, reason=reason))


def measure(name: GraphName, settings: CommunitySettings, seed: int) -> Iterator[Line]:
    """Try every method, and no pruning, on one graph: a line each."""
    task = draw_task(name, settings, seed)
    net = learn_edges(task, settings, features=True)
    start = net, optimizer_of(net, settings)
    learn_classes(*start, task, settings.epochs)
    for method in ("none", *METHODS):
        removed = np.zeros(task.n_edges, bool) if method == "none" else choose(method, task, settings)
        yield {
            "graph": name,
            "seed": seed,
            "method": method,
            "reads": "nothing is removed" if method == "none" else METHODS[method][0],
            "n_nodes": len(task.labels),
            "n_edges": task.n_edges,
            "n_between": int(task.between.sum()),
            "n_removed": int(removed.sum()),
            **agreement(removed, task.between),
            **_communities_left(task, removed),
            **_accuracies(copy.deepcopy(start), task, settings, removed, method),
        }


def _communities_left(task: Task, removed: np.ndarray) -> dict[str, float]:
    """Find communities in what is left, and compare them with the truth."""
    first, second = task.ends[:, removed]
    left = task.adjacency.tolil(copy=True)
    left[first, second] = left[second, first] = 0.0
    left = left.tocsr()
    return {f"nmi_{key}": nmi(find(left, rng=task.seed), task.labels) for key, find in DETECTORS.items()}


def _accuracies(
    start: tuple[Network, torch.optim.Optimizer],
    task: Task,
    settings: CommunitySettings,
    removed: np.ndarray,
    method: str,
) -> dict[str, float]:
    """Measure test nodes before pruning, right after it, and after as many more epochs as before."""
    net, optimizer = start
    found = {"accuracy_before": accuracy(net, task)}
    if removed.any():
        remove(net, optimizer, removed, method)
    found["accuracy_pruned"] = accuracy(net, task)
    learn_classes(net, optimizer, task, settings.epochs)
    return found | {"accuracy_after": accuracy(net, task)}
