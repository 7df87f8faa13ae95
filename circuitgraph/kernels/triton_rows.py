"""Irregular wiring on GPUs: compressed rows in Triton."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import factors_for, wide
from circuitgraph.kernels.triton_launch import (
    RATE,
    Launch,
    TritonKernel,
    batch_first,
    ceil_div,
    code,
    ends_at,
    in_place,
    list_synapses,
    narrow,
    neuron_major,
    parts,
    row_starts,
    tile,
)
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv, Gather, GraphConv, GraphEdges, OneToOne, Pool, Spread

MOST_SYNAPSES = 1 << 28
"""Wiring with more is left to kernels that need no table: an index takes 4 to 16 bytes for each synapse."""
SKEW = 4
"""Where a row is this many times as long as the mean one, long rows start first: the last one to end sets the time."""


class Index(nn.Module):
    """Edges in compressed rows: those of row n are starts[n] to starts[n + 1].

    `slot` is None where edge e has weight e, `coef` where all are one, `order` where rows are about equally long.
    Shape: starts (R + 1,), order (R,), other, slot and coef (E,); indices are 32-bit where that is enough.
    """

    starts: Tensor
    order: Tensor | None
    other: Tensor
    slot: Tensor | None
    coef: Tensor | None

    def __init__(self, row: Tensor, n_rows: int, other: Tensor, slot: Tensor | None, coef: Tensor | None) -> None:
        """Compress edges that are sorted by row."""
        super().__init__()
        self.n_rows, self.row_length = n_rows, len(row) / max(1, n_rows)
        count = torch.bincount(row, minlength=n_rows)
        columns = {"starts": row_starts(count), "order": self._order(count), "other": other, "slot": slot}
        for name, column in columns.items():
            self.register_buffer(name, None if column is None else narrow(column), persistent=False)
        self.register_buffer("coef", coef, persistent=False)

    def _order(self, count: Tensor) -> Tensor | None:
        if not len(count) or count.max() <= SKEW * max(1.0, self.row_length):
            return None
        # Within a power of two neighbours stay neighbours, which read alike.
        return torch.argsort((count + 1).log2().floor(), descending=True, stable=True)

    def rows(self) -> Tensor:
        """Give the row of every edge.  Shape: (E,)."""
        return torch.repeat_interleave(torch.arange(self.n_rows, device=self.starts.device), self.starts.diff())

    def turned(self, row: Tensor, n_rows: int, other: Tensor) -> "Index":
        """Sort the same edges by another row.  Shape: row, other (E,)."""
        order = torch.argsort(row, stable=True)
        slot = order if self.slot is None else self.slot[order]
        coef = None if self.coef is None else self.coef[order]
        return Index(row[order], n_rows, other[order], slot, coef)

    def columns(self) -> dict[str, Any]:
        """Give the columns and sizes by the names they have in the code."""
        names = ("starts", "order", "other", "slot", "coef", "n_rows")
        return {name: getattr(self, name) for name in names}


@kernels.register("triton")
class TritonRows(TritonKernel):
    """Sum over compressed rows, one program for a few rows and up to 128 samples.

    Inside, activity is neuron-major: batch-first tensors whose memory already lies so are not copied.  Where weights
    are not shared, a whole local change is one pass over the synapses; where they are, slots are paired one by one.
    """

    takes_unit_weights = True
    slot_post: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        table, self.n_slots = list_synapses(topology, pre, post), topology.n_slots(pre, post)
        self.shared = bool((np.bincount(table.slot, minlength=self.n_slots) != 1).any())
        is_ordered = np.array_equal(table.slot, np.arange(len(table)))
        slot = None if is_ordered else torch.tensor(table.slot)
        coef = None if (table.coef == 1).all() else torch.tensor(table.coef)
        self.by_post = Index(torch.tensor(table.post), n_neurons(post), torch.tensor(table.pre), slot, coef)
        self.by_pre: Index | None = None
        self.by_slot: Index | None = None
        self.register_buffer("slot_post", None, persistent=False)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        is_regular = isinstance(topology, Conv | Pool | GraphConv | GraphEdges | OneToOne | Gather | Spread)
        return not is_regular and topology.reduce == "sum" and topology.n_synapses(pre, post) <= MOST_SYNAPSES

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 2.0 * RATE * topology.n_synapses(pre, post)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return batch_first(self._sum(x, w, self.by_post), self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        if self.by_pre is None:
            self.by_pre = self.by_post.turned(self.by_post.other, n_neurons(self.pre), self.by_post.rows())
        return batch_first(self._sum(g, w, self.by_pre), self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        self.need_device(x)
        if self.shared:
            return self._pair_shared(x, g)
        dw = torch.empty(self.n_slots, dtype=wide(x.dtype), device=x.device)
        self._pair(dw, x, g).run()
        return dw

    def update(
        self, x: Tensor, g: Tensor, w: Tensor, ends: Ends, *,
        gain: Tensor, decay: Tensor | None = None, shift: Tensor | None = None, unit_norm: bool = False,
    ) -> Callable[[], None]:  # fmt: skip
        self.need_device(x)
        if not w.is_contiguous():
            return super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=unit_norm)
        at = ends_at(ends)
        if self.shared:
            changes = [super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift)]
            changes += [in_place(w, self.normalize(w, ends))] if unit_norm else []
            return partial(_each, changes)
        apart = unit_norm and (at["sites"] > 1 or at["SITE"])
        rates = dict(zip(("gain", "decay", "shift"), factors_for(w, ends, gain, decay, shift), strict=True))
        first = self._pair(w, x, g, **rates, **at, NORM=unit_norm and not apart)
        return in_place(w, first, self.normalize(w, ends)) if apart else in_place(w, first)

    def _sum(self, x: Tensor, w: Tensor | None, index: Index) -> Tensor:
        self.need_device(x)
        x = neuron_major(x)
        batch = x.shape[1]
        y = x.new_empty(index.n_rows, batch)
        sizes = tile(index.n_rows, index.row_length, batch)
        operands = {
            "y": y, "x": x, "w": None if w is None else w.contiguous(), **index.columns(), "batch": batch,
            "DOUBLE": code().double(x), **sizes,
        }  # fmt: skip
        grid = ceil_div(index.n_rows, sizes["ROWS"]), ceil_div(batch, sizes["BATCH"])
        Launch(code().sum_rows, grid, x, operands).run()
        return y

    def _pair(self, out: Tensor, x: Tensor, g: Tensor, **rates: Any) -> Launch:
        x, g, index = neuron_major(x), neuron_major(g), self.by_post
        batch = x.shape[1]
        sizes = tile(index.n_rows, index.row_length, batch)
        plain = {"gain": None, "decay": None, "shift": None, "sites": 1, "SITE": False, "NORM": False}
        is_double = code().double(x, g) or (bool(rates) and code().double(out))
        operands = {
            "out": out, "x": x, "g": g, **index.columns(), "batch": batch, **plain, **rates,
            "DOUBLE": is_double, **sizes,
        }  # fmt: skip
        return Launch(code().pair_rows, (ceil_div(index.n_rows, sizes["ROWS"]),), x, operands)

    def _pair_shared(self, x: Tensor, g: Tensor) -> Tensor:
        x, g, index = neuron_major(x), neuron_major(g), self._slots()
        batch = x.shape[1]
        sizes = tile(self.n_slots, index.row_length, batch)
        programs = ceil_div(self.n_slots, sizes["ROWS"])
        n_parts = parts(programs, ceil_div(int(index.row_length), sizes["EDGES"]))
        dw = torch.empty(n_parts, self.n_slots, dtype=wide(x.dtype), device=x.device)
        operands = {
            "out": dw, "x": x, "g": g, "starts": index.starts, "pre": index.other, "post": self.slot_post,
            "coef": index.coef, "order": index.order, "n_rows": self.n_slots, "batch": batch, "parts": n_parts,
            "DOUBLE": code().double(x, g), **sizes,
        }  # fmt: skip
        Launch(code().pair_shared, (programs, n_parts), x, operands).run()
        return dw.sum(0)

    def _slots(self) -> Index:
        """Sort the edges by slot, at first use."""
        if self.by_slot is None:
            edges, post = self.by_post, self.by_post.rows()
            slot = torch.arange(len(post), device=post.device) if edges.slot is None else edges.slot
            order = torch.argsort(slot, stable=True)
            coef = None if edges.coef is None else edges.coef[order]
            self.slot_post = narrow(post[order])
            self.by_slot = Index(slot[order], self.n_slots, edges.other[order], None, coef)
        return self.by_slot


def _each(changes: Iterable[Callable[[], None]]) -> None:
    for change in changes:
        change()
