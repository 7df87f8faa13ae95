"""Between slots and the postsynaptic ends they land on: what a rule needs beside the three kernel methods."""

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.ir import Shape, Topology, n_ends, n_neurons
from circuitgraph.ir.shape import neuron_end
from circuitgraph.kernels.units import total


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

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__()
        self.topology, self.pre, self.post = topology, pre, post
        self.row = topology.row_length(pre, post)
        if self.row is not None:
            self.size = topology.n_slots(pre, post) // self.row
            self.end = "unit" if self.size == post[0] else "neuron"
        elif topology.listed(pre, post) is not None:
            self.end, self.size = neuron_end(post), n_neurons(post)
        else:
            self.end = topology.slots(pre, post).post_end
            self.size = n_ends(post, self.end)
        self.register_buffer("at", None, persistent=False)
        self.register_buffer("count", None, persistent=False)

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

    def scale_to_unit(self, w: Tensor) -> None:
        """Divide each end's weights by their Euclidean norm, in place; all zero stays.  Shape: (K,)."""
        norm = self.norm(w)
        at_slot, slots = self.spread(torch.where(norm > 0, norm, 1), w)
        slots.div_(at_slot)
