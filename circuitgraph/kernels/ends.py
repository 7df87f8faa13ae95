"""Between slots and the postsynaptic ends they land on: what a rule needs beside the three kernel methods."""

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.ir import Shape, Topology, n_ends, n_neurons
from circuitgraph.ir.shape import neuron_end
from circuitgraph.kernels.units import total
from circuitgraph.topologies import Conv, Dense, GraphConv, Pruned


class Ends(nn.Module):
    """Sum over, and broadcast to, the slots of each postsynaptic end (a unit, a site or a neuron).

    M ends, K slots.  Where slots are laid out end after end, everything is a view of (M, K / M); else an index.

    Example:
        >>> import torch
        >>> from circuitgraph.topologies import Dense
        >>> Ends(Dense(), (2,), (2,)).norm(torch.tensor([3.0, 4.0, 0.0, 0.0])).tolist()
        [5.0, 0.0]
    """

    at: Tensor | None
    count: Tensor | None
    inputs: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__()
        self.topology, self.pre, self.post = topology, pre, post
        self.row = topology.row_length(pre, post)
        if self.row is not None:
            self.size = topology.n_slots(pre, post) // self.row
            self.end = "unit" if self.size == post[0] else "neuron"
        elif topology.is_listed(pre, post):
            self.end, self.size = neuron_end(post), n_neurons(post)
        else:
            self.end = topology.slots(pre, post).post_end
            self.size = n_ends(post, self.end)
        self.register_buffer("at", None, persistent=False)
        self.register_buffer("count", None, persistent=False)
        self.register_buffer("inputs", None, persistent=False)

    def of_slots(self, w: Tensor) -> Tensor:
        """Give the end of each slot.  Shape: w (K,) -> (K,) int64, where w is.

        It is listed when first asked for: where a kernel does whole updates nobody asks.  Where slots are listed end
        after end, only the number of each end's slots is kept.
        """
        if self.row is not None:
            return torch.arange(self.size, device=w.device).repeat_interleave(self.row)
        at, count = self._listed(w)
        if count is None:
            assert at is not None
            return at
        return torch.arange(self.size, device=w.device).repeat_interleave(count, output_size=len(w))

    def _listed(self, w: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Give the end of each slot, or where slots are listed end after end, how many slots each end has."""
        if self.at is None and self.count is None:
            listed = self.topology.listed(self.pre, self.post)
            ends = self.topology.slots(self.pre, self.post).post if listed is None else listed[1]
            if (ends[1:] >= ends[:-1]).all():
                self.count = torch.from_numpy(np.bincount(ends, minlength=self.size)).to(w.device)
            else:
                self.at = torch.tensor(ends.astype(np.int64, copy=False), device=w.device)
        return self.at, self.count

    def total(self, g: Tensor) -> Tensor:
        """Sum activity over the batch and the neurons of each end.  Shape: (B, *post) -> (M,), float32 or wider."""
        kind = torch.float64 if g.dtype == torch.float64 else torch.float32
        if self.end == "unit" or (self.end == "neuron" and g.ndim == 2):
            return total(g)
        summed = g.sum(0, dtype=kind)
        return summed.flatten(1).sum(0) if self.end == "site" else summed.flatten()

    def spread(self, v: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Line up ends with slots: views or gathers that multiply.  Shape: v (M,), w (K,) -> both broadcastable."""
        if self.row is not None:
            return v[:, None], w.view(self.size, -1)
        at, count = self._listed(w)
        if count is None:
            return v[at], w
        return v.repeat_interleave(count, output_size=len(w)), w

    def norm(self, w: Tensor) -> Tensor:
        """Give the Euclidean norm of each end's weights.  Shape: (K,) -> (M,)."""
        if self.row is not None:
            return torch.linalg.vector_norm(w.view(self.size, -1), dim=1)
        at, count = self._listed(w)
        if at is None and len(w):
            return torch.segment_reduce(w * w, "sum", lengths=count).sqrt()
        return w.new_zeros(self.size).index_add(0, self.of_slots(w), w * w).sqrt()

    def peak(self, w: Tensor) -> Tensor:
        """Give the largest absolute value among each end's weights, 0 for none.  Shape: (K,) -> (M,)."""
        if self.row is not None:
            return w.view(self.size, -1).abs().amax(1)
        at, count = self._listed(w)
        if at is None and len(w):
            return torch.segment_reduce(w.abs(), "max", lengths=count, initial=0)
        return w.new_zeros(self.size).scatter_reduce(0, self.of_slots(w), w.abs(), "amax")

    def over(self, v: Tensor) -> Tensor:
        """Shape one number per end so that it multiplies activity.  Shape: (M,) -> broadcastable to (B, *post)."""
        if self.end == "neuron":
            return v.view(1, *self.post)
        return v.view(1, 1, *self.post[1:]) if self.end == "site" else v.view(1, -1, *[1] * (len(self.post) - 1))

    def gram(self, g: Tensor) -> Tensor:
        """Sum products of the activity of each two ends, over batch and sites.  Shape: (B, *post) -> (M, M)."""
        if self.end == "unit":
            rows = g.movedim(1, -1).reshape(-1, self.size)
        else:
            rows = g.flatten(1) if self.end == "neuron" else g.flatten(2).flatten(0, 1)
        return (rows.t() @ rows).to(torch.promote_types(g.dtype, torch.float32))

    def of_inputs(self, w: Tensor) -> Tensor:
        """Give what each slot hears a number, equal where slots of different ends hear the same.  Shape: -> (K,)."""
        if self.inputs is None:
            self.inputs = torch.from_numpy(heard_by(self.topology, self.pre, self.post)).to(w.device)
        return self.inputs

    def per_input(self, w: Tensor) -> Tensor:
        """Sum over the slots that hear the same, and give each slot its sum.  Shape: (K,) -> (K,)."""
        if self._one_table:
            return w.view(self.size, -1).sum(0).repeat(self.size)
        at = self.of_inputs(w)
        return w.new_zeros(int(at.max()) + 1 if len(at) else 0).index_add(0, at, w)[at]

    def mix(self, matrix: Tensor, w: Tensor) -> Tensor:
        """Multiply the weights, as ends by inputs and 0 where there is no slot, by a matrix between ends.

        Shape: matrix (M, M), w (K,) -> (K,).  Where slots are missing, ends times inputs are laid out for a moment.
        """
        if self._one_table:
            return (matrix.to(w.dtype) @ w.view(self.size, -1)).flatten()
        ends, at = self.of_slots(w), self.of_inputs(w)
        table = w.new_zeros(self.size, int(at.max()) + 1 if len(at) else 0)
        table[ends, at] = w
        return (matrix.to(w.dtype) @ table)[ends, at]

    def keep_largest(self, w: Tensor, share: float) -> Tensor:
        """Set all but the largest (absolute) share of each end's numbers to zero, at least one stays.  Shape: (K,)."""
        if self.row is not None:
            rows = w.view(self.size, self.row)
            kept = rows.abs().topk(max(1, round(share * self.row)), dim=1, sorted=False)[1]
            return torch.zeros_like(rows).scatter_(1, kept, rows.gather(1, kept)).flatten()
        ends = self.of_slots(w)
        order = torch.argsort(w.abs(), descending=True, stable=True)
        order = order[torch.argsort(ends[order], stable=True)]
        count = torch.bincount(ends, minlength=self.size)
        rank = torch.arange(len(w), device=w.device) - (count.cumsum(0) - count)[ends[order]]
        kept = order[rank < (count * share).round().clamp(min=1)[ends[order]]]
        return torch.zeros_like(w).index_copy(0, kept, w[kept])

    @property
    def _one_table(self) -> bool:
        """Tell whether slots are a table of ends by inputs, without gaps."""
        law = self.topology
        return isinstance(law, Dense | GraphConv) or (isinstance(law, Conv) and law.groups == 1)

    def scale_to_unit(self, w: Tensor) -> None:
        """Divide each end's weights by their Euclidean norm, in place; all zero stays.  Shape: (K,)."""
        norm = self.norm(w)
        at_slot, slots = self.spread(torch.where(norm > 0, norm, 1), w)
        slots.div_(at_slot)


def heard_by(topology: Topology, pre: Shape, post: Shape) -> np.ndarray:
    """Give what each slot hears a number: by its presynaptic end, and which of several slots between two ends it is.

    Shape: -> (K,) int64.

    Example:
        >>> from circuitgraph.topologies import Dense, Pruned
        >>> heard_by(Pruned(Dense(), [0, 3, 4]), (2,), (3,)).tolist()
        [0, 1, 0]
    """
    if isinstance(topology, Pruned):
        return np.asarray(heard_by(topology.topology, pre, post)[topology.keep])
    slots = topology.slots(pre, post)
    ends = slots.pre.astype(np.int64), slots.post.astype(np.int64)
    order = np.lexsort((np.arange(len(ends[0])), *ends))
    pairs = ends[0][order] + ends[1][order] * (int(ends[0].max(initial=0)) + 1)
    first = np.flatnonzero(np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)])
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    tap = np.empty(len(order), np.int64)
    tap[order] = rank
    return ends[0] * (int(tap.max(initial=0)) + 1) + tap
