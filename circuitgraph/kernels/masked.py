"""Wiring with gaps on the kernel of the whole, through a private dense buffer."""

import importlib.util
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.ir.value import n_different
from circuitgraph.kernels.dense import DenseKernel
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel, alike, factors_for, wide
from circuitgraph.kernels.rows import by_slot, is_irregular
from circuitgraph.kernels.select import make_kernel
from circuitgraph.registry import kernels
from circuitgraph.topologies import Dense, Pruned

if TYPE_CHECKING:
    from circuitgraph.kernels.cpu.entries import Entries

CODED = (torch.float32, torch.float64, torch.bfloat16)
"""Types that machine code copies entries of."""
FEWEST = 1 << 15
"""Entries from which on machine code is worth a second of making it."""
SAMPLE = 1 << 11
"""Weights that are compared before a filled buffer is used again: about 1 % of a product's time, from 1024 neurons."""


class _Filled(NamedTuple):
    """A dense buffer and the weights it was filled from: `alias` shares their memory, which keeps it from reuse."""

    whole: Tensor
    alias: Tensor
    version: int
    sample: Tensor

    def is_of(self, w: Tensor, dtype: torch.dtype) -> bool:
        """Tell whether the buffer holds these weights."""
        same = (self.alias.data_ptr(), self.alias.dtype, self.alias.device) == (w.data_ptr(), w.dtype, w.device)
        counted = same and self.version == w._version and self.whole.dtype == dtype
        # Changes through `weight.data` are not counted; on an accelerator a look would wait for all work before it.
        return counted and (w.device.type != "cpu" or torch.equal(_sample(w), self.sample))


@kernels.register("masked")
class Masked(Kernel):
    """Run a pruned topology on the kernel of the whole one, and other irregular wiring as a dense matrix.

    Weights are spread over a dense buffer, zero where there is no synapse.  It is kept between calls and filled again
    where weights changed: torch counts changes (`Tensor._version`), and those made behind its back, as through
    `weight.data`, are found by a sample, which holds all of up to 4,095 weights.  So one kernel must not be given
    different weights by several threads at a time.

    On CPUs with long vectors, float32 activity of up to 512 samples, and one sample of bfloat16, goes through no such
    buffer: a bit says where a synapse is, and weights are spread in the cache on their way to the product.  Nothing
    else is as fast where most synapses exist, the dense product included.
    """

    at: Tensor
    coef: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        whole = _whole(topology, pre, post)
        if isinstance(topology, Pruned) and (whole is topology.topology or isinstance(topology.topology, Dense)):
            at, coef = topology.keep, None
        else:
            pres, posts, coef = by_slot(topology, pre, post)
            at = posts * n_neurons(pre) + pres
        self.adds = n_different(at) < len(at)
        made = DenseKernel(whole, pre, post) if isinstance(whole, Dense) else make_kernel(whole, pre, post)
        self.whole: Kernel = made
        self.n_whole = whole.n_slots(pre, post)
        self.register_buffer("at", torch.tensor(at), persistent=False)
        self.register_buffer("coef", None if coef is None else torch.tensor(coef), persistent=False)
        self._filled: _Filled | None = None

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Pruned) or (not isinstance(topology, Dense) and is_irregular(topology, pre, post))

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return float(_whole(topology, pre, post).n_synapses(pre, post))

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        entries = self._entries_for(x, w)
        if entries is not None and w is not None and entries.multiplies(x, w):
            return entries.push(x.flatten(1), w.contiguous()).reshape(-1, *self.post)
        return self.whole.push(x, self._fill(w, x.dtype))

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        entries = self._entries_for(g, w)
        if entries is not None and w is not None and entries.multiplies(g, w):
            return entries.pull(g.flatten(1), w.contiguous()).reshape(-1, *self.pre)
        return self.whole.pull(g, self._fill(w, g.dtype), x)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        x, g = alike(x, g)
        entries = self._entries_for(x, g)
        if entries is not None:
            return entries.dots(x.flatten(1), g.flatten(1))
        met = self.whole.pair(x, g).index_select(0, self.at)
        return met if self.coef is None else met * self.coef.to(met.dtype)

    def update(
        self,
        x: Tensor,
        g: Tensor,
        w: Tensor,
        ends: Ends,
        *,
        gain: Tensor,
        decay: Tensor | None = None,
        shift: Tensor | None = None,
        unit_norm: bool = False,
    ) -> Callable[[], None]:
        x, g = alike(x, g)
        gain, decay, shift = factors_for(w, ends, gain, decay, shift)
        plain = isinstance(self.whole, DenseKernel) and self.coef is None and not self.adds
        if not plain or ends.size != n_neurons(self.post):
            return super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=unit_norm)
        # Rows of the matrix are ends: their factors need not be gathered for every slot.
        entries = self._entries_for(x, g, w)
        if entries is not None and w.is_contiguous() and w.dtype == wide(x.dtype):
            keep = torch.ones_like(gain) if decay is None else 1 + gain * decay
            add = torch.zeros_like(gain) if shift is None else gain * shift
            found = entries.changed(x.flatten(1), g.flatten(1), w, gain, keep, add, unit_norm=unit_norm)

            def fused() -> None:
                found()
                torch.autograd.graph.increment_version(w)

            return fused
        if x.dtype != w.dtype:
            return super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=unit_norm)
        change = self.whole.pair(x, g * gain.view(1, *self.post)).view(ends.size, -1)
        if decay is not None:
            change.addcmul_(self._fill(w, w.dtype).view_as(change), (gain * decay)[:, None])
        if shift is not None:
            change.add_((gain * shift)[:, None])
        new = change.flatten().index_select(0, self.at).add_(w)
        if unit_norm:
            ends.scale_to_unit(new)

        def commit() -> None:
            w.copy_(new)

        return commit

    def _entries_for(self, *operands: Tensor | None) -> "Entries | None":
        """Give the entries as machine code reads them, where it can: several times faster than torch's indexing."""
        given = [t for t in operands if t is not None]
        if torch.compiler.is_compiling() or (torch.is_grad_enabled() and any(t.requires_grad for t in given)):
            return None  # torch has to see what it compiles, or differentiates once more
        known = all(t.is_cpu and t.dtype in CODED for t in given)
        return self._entries if known else None

    @cached_property
    def _entries(self) -> "Entries | None":
        plain = isinstance(self.whole, DenseKernel) and self.coef is None and not self.adds and len(self.at) >= FEWEST
        if not plain or self.at.device.type != "cpu" or importlib.util.find_spec("numba") is None:
            return None
        from circuitgraph.kernels.cpu.entries import Entries

        at = self.at.numpy()
        return Entries(at, n_neurons(self.post), n_neurons(self.pre)) if bool((at[1:] > at[:-1]).all()) else None

    def _fill(self, w: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Spread weights over the whole topology.  Shape: (K,) -> (slots of the whole,), in the activity's type."""
        assert w is not None
        if torch.compiler.is_compiling() or w.is_inference() or (torch.is_grad_enabled() and w.requires_grad):
            return self._spread(w.to(dtype), w.new_zeros(self.n_whole, dtype=dtype))
        if self._filled is None or not self._filled.is_of(w, dtype):
            self._filled = self._filled_anew(w.detach(), dtype)
        return self._filled.whole

    def _filled_anew(self, w: Tensor, dtype: torch.dtype) -> _Filled:
        old = None if self._filled is None else self._filled.whole
        if old is None or (old.dtype, old.device) != (dtype, w.device):
            with torch.inference_mode(False):  # a tensor made in that mode could not be written outside it
                old = w.new_zeros(self.n_whole, dtype=dtype)
        return _Filled(self._spread(w.to(dtype), old), w, w._version, _sample(w).clone())

    def _spread(self, w: Tensor, whole: Tensor) -> Tensor:
        """Write weights where they belong; elsewhere the buffer is zero, and stays so."""
        entries = self._entries_for(w)
        if entries is not None:
            entries.spread(w.contiguous(), whole)
            return whole
        w = w if self.coef is None else w * self.coef.to(w.dtype)
        return whole.zero_().scatter_add_(0, self.at, w) if self.adds else whole.scatter_(0, self.at, w)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_entries"} | {"_filled": None}


def _sample(w: Tensor) -> Tensor:
    return w[:: max(1, len(w) // SAMPLE)]


def _whole(topology: Topology, pre: Shape, post: Shape) -> Topology:
    """Give the wiring without gaps: what was pruned, if it has structure of its own, else all to all."""
    if isinstance(topology, Pruned) and not is_irregular(topology.topology, pre, post):
        return topology.topology
    return Dense()
