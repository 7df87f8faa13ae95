"""Several projections in one kernel: their synapses in one table, their weights side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.compiler.plan import Column, PushMany
from circuitgraph.ir import Circuit, Projection, Shape, Topology, n_neurons, value
from circuitgraph.kernels import Setting, Tuner, choose_kernel, make_kernel
from circuitgraph.topologies import Explicit

K = TypeVar("K")


@value
class Merged(Explicit):
    """The pairs of neurons that several projections connect, each once, sorted by (post, pre).

    Presynaptic neurons are counted through all columns that are read, postsynaptic ones through all ports.
    """


@dataclass(frozen=True)
class Joined:
    """The synapses of several projections as one wiring: synapse e adds coef[e] * w[slot[e]] to the weight of pair[e].

    `slot` counts through the weights of all projections.  Shape: slot, coef, pair (E,), in the order of pairs.
    """

    topology: Merged
    pre: Shape
    post: Shape
    slot: np.ndarray
    coef: np.ndarray
    pair: np.ndarray


def join(op: PushMany, circuit: Circuit) -> Joined:
    """List the synapses of all projections of an operation, between all that it reads and all that it writes."""
    n_pre, reads = _count((column, _size(circuit, column[0])) for column in op.columns)
    n_post, writes = _count((port, _size(circuit, port)) for port in op.ports)
    keys, slots, coefs, n_slots = [], [], [], 0
    for push in op.pushes:
        p = circuit.projection(push.projection)
        pre, post, slot, coef = _synapses(p, *circuit.shapes(p))
        keys.append((post + writes[push.write]) * n_pre + pre + reads[push.read, push.delay])
        slots.append(slot + n_slots)
        coefs.append(coef)
        n_slots += p.n_slots
    key = np.concatenate(keys)
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.diff(key, prepend=-1) > 0
    topology = Merged(key[first] % n_pre, key[first] // n_pre)
    slot, coef = np.concatenate(slots)[order], np.concatenate(coefs)[order]
    return Joined(topology, (n_pre,), (n_post,), slot, coef, np.cumsum(first) - 1)


class Bundle(nn.Module):
    """Push through several projections at once, by one kernel over all their synapses.

    Each pair of neurons is one weight there, whatever the projections share: any kernel for irregular wiring serves.
    Activity is laid out neuron-major, as such kernels take it, and so is what comes back.
    """

    slot: Tensor | None
    back: Tensor | None
    coef: Tensor | None
    pair: Tensor | None

    def __init__(self, op: PushMany, circuit: Circuit, setting: Setting, stopwatch: Tuner | None = None) -> None:
        """List the synapses and choose the kernel; `why` says what spoke for it."""
        super().__init__()
        self.op, self.wiring = op, wiring(op, circuit)
        self.names, self.columns, self.ports = op.projections, op.columns, op.ports
        self.widths = [_size(circuit, column[0]) for column in op.columns]
        self.shapes = [circuit.population(port[0]).shape for port in op.ports]
        joined = join(op, circuit)
        trained = any(p.rule is None and not p.fixed for p in map(circuit.projection, op.projections))
        setting = replace(setting, learns="gradient" if trained else None)
        given = joined.topology, joined.pre, joined.post
        choice = choose_kernel(*given, setting, stopwatch=stopwatch)
        self.kernel, self.why = make_kernel(*given, choice.name, setting=setting), choice.why
        self._index(joined)

    def _index(self, joined: Joined) -> None:
        slot, n_pairs = joined.slot, len(joined.topology.pre)
        is_permutation = (np.bincount(slot) == 1).all()
        columns = {
            "slot": slot if (np.diff(slot) != 1).any() else None,
            "back": np.argsort(slot) if is_permutation else None,
            "coef": joined.coef if (joined.coef != 1).any() else None,
            "pair": joined.pair if n_pairs < len(slot) else None,
        }
        self.n_pairs = n_pairs
        for name, column in columns.items():
            self.register_buffer(name, None if column is None else torch.tensor(column), persistent=False)

    def weight(self, weights: Sequence[Tensor]) -> Tensor:
        """Lay the weights of all projections side by side, one for each pair.  Shape: (K,) each -> (pairs,)."""
        w = torch.cat(list(weights))
        if self.slot is not None:
            w = w.index_select(0, self.slot) if self.back is None else _reorder(w, self.slot, self.back)
        w = w if self.coef is None else w * self.coef.to(w.dtype)
        return w if self.pair is None else w.new_zeros(self.n_pairs).index_add(0, self.pair, w)

    def forward(self, columns: Sequence[Tensor | None], w: Tensor) -> list[Tensor]:
        """Push; a column that is not there (None) is silent.  Shape: (B, *pre) each, w (pairs,) -> (B, *post) each."""
        known = next(x for x in columns if x is not None)
        silent = (known.new_zeros(n, len(known)) for n in self.widths)
        rows = [zero if x is None else x.flatten(1).t() for x, zero in zip(columns, silent, strict=True)]
        y = self.kernel(torch.cat(rows).t(), w)
        parts = y.split([n_neurons(shape) for shape in self.shapes], dim=1)
        return [part.unflatten(1, shape) for part, shape in zip(parts, self.shapes, strict=True)]


def wiring(op: PushMany, circuit: Circuit) -> list[tuple[Topology, Shape, Shape]]:
    """Name all that a bundle's table is made from, besides the operation itself."""
    return [(p.topology, *circuit.shapes(p)) for p in map(circuit.projection, op.projections)]


class _Reorder(torch.autograd.Function):
    """Permute; the way back gathers by the inverse, where torch would scatter."""

    @staticmethod
    def forward(w: Tensor, there: Tensor, back: Tensor) -> Tensor:
        return w.index_select(0, there)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        return g.index_select(0, ctx.saved_tensors[1]), None, None


def _reorder(w: Tensor, there: Tensor, back: Tensor) -> Tensor:
    out: Tensor = _Reorder.apply(w, there, back)
    return out


def _synapses(p: Projection, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    listed = p.topology.listed(pre, post)
    if listed is not None:
        pres, posts = (column.astype(np.int64, copy=False) for column in listed)
        return pres, posts, np.arange(len(pres)), np.ones(len(pres))
    table = p.topology.synapses(pre, post)
    return table.pre, table.post, table.slot, table.coef


def _size(circuit: Circuit, column: Column) -> int:
    return n_neurons(circuit.population(column[0]).shape)


def _count(sizes: Iterable[tuple[K, int]]) -> tuple[int, dict[K, int]]:
    """Count neurons through; say where each column begins."""
    starts, total = {}, 0
    for key, size in sizes:
        starts[key] = total
        total += size
    return total, starts
