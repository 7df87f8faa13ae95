"""Graphs whose communities are known, and the task of naming their nodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from circuitgraph.communities import attached_groups, block_model, lfr, planted

GraphName = Literal["blocks", "lfr", "attached", "hidden"]


@dataclass(frozen=True)
class Family:
    """Graphs of one kind; `between` is the generator's own share of edges that run between communities."""

    about: str
    between: float
    draw: Callable[[np.random.Generator], tuple[Any, np.ndarray]]


def _blocks(rng: np.random.Generator, q: int = 5, size: int = 60, degree: float = 8.0) -> tuple[Any, np.ndarray]:
    rates = np.full((q, q), 0.33 * degree / (size * (q - 1)))
    np.fill_diagonal(rates, 0.67 * degree / size)
    return block_model([size] * q, rates, rng=rng)


FAMILIES: dict[GraphName, Family] = {
    "blocks": Family("stochastic block model, 5 blocks of 60 nodes, mean degree 8", 0.33, _blocks),
    "lfr": Family(
        "LFR, 300 nodes, mean degree 8, mixing 0.33",
        0.33,
        lambda rng: lfr(300, mixing=0.33, degree=8, max_degree=30, sizes=(20, 60), rng=rng),
    ),
    "attached": Family(
        "5 Barabási-Albert groups of 30 nodes, m = 2", 0.33, lambda rng: attached_groups(noise=0.33, rng=rng)
    ),
    # Between: (q - 1) c_out / (q c) with c_out = c - sqrt(signal * c).
    "hidden": Family(
        "4 blocks, 300 nodes, mean degree 8, at 1.5 times the threshold of detection",
        0.75 * (1 - (1.5 / 8) ** 0.5),
        lambda rng: planted(300, 4, degree=8.0, signal=1.5, rng=rng),
    ),
}


class CommunitySettings(BaseModel):
    """All choices of one run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    graphs: tuple[GraphName, ...] = Field(tuple(FAMILIES), min_length=1)
    n_features: int = Field(16, ge=1)
    signal: float = Field(0.3, ge=0, description="spread of the communities' means; that of a node's own part is 1")
    train_share: float = Field(0.3, gt=0, lt=1, description="nodes whose labels the loss may read")
    hops: int = Field(4, ge=1)
    hebbian_lr: float = Field(2e-3, gt=0, description="chosen from 4e-4, 2e-3 and 1e-2 by seeds 100 and 101")
    n_batches: int = Field(20, ge=1, description="batches of noise that edges learn from")
    batch_size: int = Field(16, ge=1)
    passes: int = Field(10, ge=1, description="how often edges see all of these")
    hidden: int = Field(32, ge=1, description="units between the two mixing layers")
    epochs: int = Field(100, ge=1, description="of the mixing layers, before pruning and again after it")
    learning_rate: float = Field(0.01, gt=0, description="Adam's, of the mixing layers")


QUICK = CommunitySettings(graphs=("attached", "blocks"), n_batches=5, passes=4, hebbian_lr=0.01, epochs=20)


@dataclass(frozen=True, eq=False)
class Task:
    """A graph whose nodes are to be named.

    Labels have three readers: the loss those of training nodes, the score of a run those of test nodes, the oracle all.

    Shape: ends (2, E) with pre < post, each undirected edge once; labels, train (N,); features (F, N).
    """

    adjacency: Any
    ends: np.ndarray
    features: Tensor
    labels: np.ndarray
    train: np.ndarray
    n_removed: int
    seed: int

    @property
    def n_edges(self) -> int:
        """Count undirected edges."""
        return int(self.ends.shape[1])

    @property
    def between(self) -> np.ndarray:
        """Mark the edges that truly run between communities.  Shape: (E,) bool."""
        first, second = self.labels[self.ends]
        marked: np.ndarray = first != second
        return marked


def draw_task(name: GraphName, settings: CommunitySettings, seed: int) -> Task:
    """Draw a graph, features x = signal * mean of the community + noise, and a random set of training nodes."""
    rng = np.random.default_rng(seed)
    adjacency, labels = FAMILIES[name].draw(rng)
    ends = np.stack(adjacency.nonzero())
    ends = ends[:, ends[0] < ends[1]]
    n = len(labels)
    means = rng.standard_normal((settings.n_features, int(labels.max()) + 1))
    features = rng.standard_normal((settings.n_features, n)) + settings.signal * means[:, labels]
    train = np.zeros(n, bool)
    train[rng.permutation(n)[: round(settings.train_share * n)]] = True
    n_removed = round(FAMILIES[name].between * ends.shape[1])
    return Task(adjacency, ends, torch.tensor(features, dtype=torch.float32), labels, train, n_removed, seed)
