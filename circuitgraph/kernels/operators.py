"""Kernels as operators of torch.library: how torch.compile and second derivatives pass through opaque engines.

All three are partial derivatives of one trilinear form T(x, w, g), so the gradients of each are the other two:

    push(x, w):  to x  pull(g, w)    to w  pair(x, g)
    pull(g, w):  to g  push(x, w)    to w  pair(x, g)
    pair(x, g):  to x  pull(g, w)    to g  push(x, w)

An operator takes no object, so a kernel is named by a number; what comes back is contiguous.
"""

import itertools
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from circuitgraph.errors import StructureError
from circuitgraph.kernels.autocast import as_given

if TYPE_CHECKING:
    from circuitgraph.kernels.kernel import Kernel

_living: "WeakValueDictionary[int, Kernel]" = WeakValueDictionary()
_handles = itertools.count()


def enroll(kernel: "Kernel") -> int:
    """Give a kernel a number, for as long as it lives; a number is never given again."""
    handle = next(_handles)
    _living[handle] = kernel
    return handle


def find(handle: int) -> "Kernel":
    """Look up a living kernel by its number.

    Raises:
        StructureError: if it is gone.
    """
    kernel = _living.get(handle)
    if kernel is None:
        raise StructureError(f"kernel {handle}: no longer alive (its network was edited or deleted); compile anew")
    return kernel


@torch.library.custom_op("circuitgraph::push", mutates_args=(), schema="(Tensor x, Tensor? w, int kernel) -> Tensor")
def push(x: Tensor, w: Tensor | None, kernel: int) -> Tensor:
    """Carry activity forward through the kernel of that number; see `Kernel.push`."""
    with as_given(x):
        return find(kernel).push(x, w).contiguous()


@torch.library.custom_op(
    "circuitgraph::pull", mutates_args=(), schema="(Tensor g, Tensor? w, Tensor? x, int kernel) -> Tensor"
)
def pull(g: Tensor, w: Tensor | None, x: Tensor | None, kernel: int) -> Tensor:
    """Carry errors backward through the kernel of that number; see `Kernel.pull`."""
    with as_given(g):
        return find(kernel).pull(g, w, x).contiguous()


@torch.library.custom_op("circuitgraph::pair", mutates_args=(), schema="(Tensor x, Tensor g, int kernel) -> Tensor")
def pair(x: Tensor, g: Tensor, kernel: int) -> Tensor:
    """Correlate activity through the kernel of that number; see `Kernel.pair`."""
    with as_given(x):
        return find(kernel).pair(x, g).contiguous()


@push.register_fake
def _(x: Tensor, w: Tensor | None, kernel: int) -> Tensor:
    return x.new_empty(x.shape[0], *find(kernel).post)


@pull.register_fake
def _(g: Tensor, w: Tensor | None, x: Tensor | None, kernel: int) -> Tensor:
    return g.new_empty(g.shape[0], *find(kernel).pre)


@pair.register_fake
def _(x: Tensor, g: Tensor, kernel: int) -> Tensor:
    found = find(kernel)
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    return x.new_empty(found.topology.n_slots(found.pre, found.post), dtype=kind)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.handle = inputs
    ctx.save_for_backward(*tensors)
    # The graph of an eager call owns its kernel; what the compiler traces outlives networks and must not.
    ctx.owned = None if torch.compiler.is_compiling() else find(ctx.handle)


def _push_backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x, w = ctx.saved_tensors
    to_x = pull(g, w, x, ctx.handle) if ctx.needs_input_grad[0] else None
    to_w = pair(x, g, ctx.handle).to(w.dtype) if ctx.needs_input_grad[1] else None
    return to_x, to_w, None


def _pull_backward(ctx: Any, x: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
    g, w, _ = ctx.saved_tensors
    kernel = find(ctx.handle)
    if kernel.topology.reduce == "max":
        raise StructureError(f"{kernel!r}: no second derivative through a max of an opaque kernel; choose another one")
    to_g = push(x, w, ctx.handle) if ctx.needs_input_grad[0] else None
    to_w = pair(x, g, ctx.handle).to(w.dtype) if ctx.needs_input_grad[1] else None
    return to_g, to_w, None, None


def _pair_backward(ctx: Any, w: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x, g = ctx.saved_tensors
    to_x = pull(g, w, x, ctx.handle) if ctx.needs_input_grad[0] else None
    to_g = push(x, w, ctx.handle) if ctx.needs_input_grad[1] else None
    return to_x, to_g, None


for _operator, _backward in ((push, _push_backward), (pull, _pull_backward), (pair, _pair_backward)):
    _operator.register_autograd(_backward, setup_context=_keep)
