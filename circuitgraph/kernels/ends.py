"""Between slots and the postsynaptic ends they land on: what a rule needs beside the three kernel methods."""

import torch
from torch import Tensor, nn

from circuitgraph.ir import Shape, Topology, n_ends


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

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__()
        self.post_shape = post
        row = topology.row_length(pre, post)
        if row is None:
            slots = topology.slots(pre, post)
            self.end, self.size = slots.post_end, n_ends(post, slots.post_end)
        else:
            self.size = topology.n_slots(pre, post) // row
            self.end = "unit" if self.size == post[0] else "neuron"
        self.register_buffer("at", torch.tensor(slots.post) if row is None else None, persistent=False)

    def total(self, g: Tensor) -> Tensor:
        """Sum activity over the batch and the neurons of each end.  Shape: (B, *post) -> (M,), float32 or wider."""
        kind = torch.float64 if g.dtype == torch.float64 else torch.float32
        if self.end == "unit":
            return g.sum([d for d in range(g.ndim) if d != 1], dtype=kind)
        summed = g.sum(0, dtype=kind)
        return summed.flatten(1).sum(0) if self.end == "site" else summed.flatten()

    def spread(self, v: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Line up ends with slots: views or gathers that multiply.  Shape: v (M,), w (K,) -> both broadcastable."""
        if self.at is None:
            return v[:, None], w.view(self.size, -1)
        return v[self.at], w

    def norm(self, w: Tensor) -> Tensor:
        """Give the Euclidean norm of each end's weights.  Shape: (K,) -> (M,)."""
        if self.at is None:
            return torch.linalg.vector_norm(w.view(self.size, -1), dim=1)
        return w.new_zeros(self.size).index_add(0, self.at, w * w).sqrt()

    def peak(self, w: Tensor) -> Tensor:
        """Give the largest absolute value among each end's weights, 0 for none.  Shape: (K,) -> (M,)."""
        if self.at is None:
            return w.view(self.size, -1).abs().amax(1)
        return w.new_zeros(self.size).scatter_reduce(0, self.at, w.abs(), "amax")

    def scale_to_unit(self, w: Tensor) -> None:
        """Divide each end's weights by their Euclidean norm, in place; all zero stays.  Shape: (K,)."""
        norm = self.norm(w)
        at_slot, slots = self.spread(torch.where(norm > 0, norm, 1), w)
        slots.div_(at_slot)
