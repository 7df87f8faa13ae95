"""The contract of a kernel: one trilinear form, three partial derivatives."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from circuitgraph.errors import NumericError, ShapeError
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import operators
from circuitgraph.kernels.autocast import as_given, cast, is_autocast
from circuitgraph.kernels.ends import Ends
from circuitgraph.topologies import Conv


class Kernel(nn.Module, ABC):
    """Compute with one projection's synapses, for one topology and two shapes.

    T(x, w, g) = sum over synapses e of  coef[e] * w[slot[e]] * x[pre[e]] * g[post[e]]
    push = dT/dg, pull = dT/dx, pair = dT/dw.  Where the topology reduces by "max", a postsynaptic neuron's sum runs
    over its strongest presynaptic neuron in x alone (the lowest index among equals).

    Indices are buffers that are not part of `state_dict`; a kernel holds no activity.

    Shape: x (B, *pre), g (B, *post), w (K,).  Activity may be of a narrower type than the weights.
    """

    name: ClassVar[str]
    takes_unit_weights: ClassVar[bool] = False
    """True where `w=None` is understood as all ones."""
    devices: ClassVar[tuple[str, ...]] = ()
    """Device types that it runs on, e.g. ("cpu",); empty for all that torch has."""
    opaque: ClassVar[bool] = False
    """True where the methods are not torch code, so that torch.compile has to call them as they are."""

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__()
        self.topology, self.pre, self.post = topology, pre, post
        self.handle = operators.enroll(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.handle = operators.enroll(self)

    @classmethod
    @abstractmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        """Tell whether this kernel can compute the topology between these shapes."""

    @classmethod
    def present(cls) -> bool:
        """Tell whether the packages that this kernel needs are installed."""
        return True

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        """Estimate the work of one push per sample, in dense multiply-adds; the compiler takes the cheapest."""
        return float(topology.n_synapses(pre, post))

    @abstractmethod
    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        """Carry activity forward.

        y[b, n] = sum over synapses e onto n of  coef[e] * w[slot[e]] * x[b, pre[e]]

        Shape: x (B, *pre), w (K,) -> (B, *post), of x's type.
        """

    @abstractmethod
    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        """Carry errors backward; x is the activity that was pushed, read only where the topology reduces by "max".

        Shape: g (B, *post), w (K,), x (B, *pre) -> (B, *pre), of g's type.
        """

    @abstractmethod
    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        """Correlate pre- and postsynaptic activity into one number per slot.

        dw[k] = sum over b and over synapses e of slot k:  coef[e] * x[b, pre[e]] * g[b, post[e]]

        Shape: x (B, *pre), g (B, *post) -> (K,), float32 or wider.  Summed over the batch, not averaged.
        """

    def energy(self, x: Tensor) -> Tensor:
        """Sum the squares of what each postsynaptic neuron hears: push of x ** 2 through weights of one.

        Shape: x (B, *pre) -> (B, *post), or (B, 1, *sites) where all units of a site hear the same.
        """
        narrow = self._narrow
        kernel = self if narrow is None else narrow.to(x.device)
        return kernel.push(x.square(), torch.ones(kernel.n_weights, dtype=x.dtype, device=x.device))

    @cached_property
    def _narrow(self) -> "Kernel | None":
        """Make a kernel of the same wiring with a single unit, where all units hear the same."""
        if not isinstance(self.topology, Conv) or self.topology.groups != 1:
            return None
        return type(self)(self.topology, self.pre, (1, *self.post[1:]))

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
        """Prepare a local change of weights; the function returned makes it, in place, and needs no more memory.

        Activity may be read only then, so it has to stay until then.

        w[k] += gain[m] * (pair(x, g)[k] + decay[m] * w[k] + shift[m])   for every slot k of postsynaptic end m;
        then, with `unit_norm`, the weights of each end are divided by their Euclidean norm (0 stays 0).

        Shape: x (B, *pre), g (B, *post), w (K,); gain, decay and shift (M,), of w's type.
        """
        gain, decay, shift = factors_for(w, ends, gain, decay, shift)
        new = self.pair(x, g).to(w.dtype)
        for factor, term in ((decay, w), (shift, None)):
            if factor is not None:
                at_slot, slots = ends.spread(factor, w)
                grown = new.view_as(slots)
                grown.add_(at_slot) if term is None else grown.addcmul_(at_slot, slots)
        at_slot, slots = ends.spread(gain, w)
        new.view_as(slots).mul_(at_slot)
        new.add_(w)
        if unit_norm:
            ends.scale_to_unit(new)

        def commit() -> None:
            w.copy_(new)

        return commit

    def forward(self, x: Tensor, w: Tensor | None) -> Tensor:
        """Push with gradients to x and w.

        Under torch.autocast, activity that meets weights becomes of the type asked for (float64 stays); weights and
        their gradients keep theirs.

        Raises:
            NumericError: for activity of an integer type, which weights would have to be rounded to.
        """
        if not x.is_floating_point():
            raise NumericError(
                f"{type(self).__name__}: activity (got {x.dtype}, expected real numbers); call x.float()"
            )
        if is_autocast(x):
            with as_given(x):
                return _push(self, x if w is None else cast(x), w)
        return _push(self, x, w)

    def need(self, *, x: Tensor | None = None, g: Tensor | None = None, w: Tensor | None = None) -> None:
        """Raise an error unless operands are as the contract says: compiled code reads what it is told to.

        Raises:
            ShapeError: another shape.  NumericError: activity that is not of a floating type.

        Example:
            >>> from circuitgraph.kernels import make_kernel
            >>> from circuitgraph.topologies import Dense
            >>> make_kernel(Dense(), (3,), (2,)).need(x=torch.ones(1, 3), g=torch.ones(1, 2), w=torch.ones(6))
        """
        for name, given, shape in (("x", x, self.pre), ("g", g, self.post)):
            if given is not None and tuple(given.shape[1:]) != tuple(shape):
                expected = ", ".join(map(str, ("B", *shape)))
                raise ShapeError(f"kernel {self.name!r}: {name} (got {tuple(given.shape)}, expected ({expected}))")
            if given is not None and not given.is_floating_point():
                raise NumericError(f"kernel {self.name!r}: {name} (got {given.dtype}, expected real numbers)")
        if x is not None and g is not None and x.shape[0] != g.shape[0]:
            raise ShapeError(f"kernel {self.name!r}: x and g differ in samples (got {len(x)} and {len(g)})")
        if w is not None and w.shape != (self.n_weights,):
            raise ShapeError(f"kernel {self.name!r}: w (got {tuple(w.shape)}, expected ({self.n_weights},))")

    @cached_property
    def n_weights(self) -> int:
        """Count the slots."""
        return self.topology.n_slots(self.pre, self.post)

    def extra_repr(self) -> str:
        return f"{self.topology!r}, {self.pre} -> {self.post}"


def _push(kernel: Kernel, x: Tensor, w: Tensor | None) -> Tensor:
    if kernel.opaque and torch.compiler.is_compiling():
        traced: Tensor = torch.ops.circuitgraph.push(x, w, kernel.handle)
        return traced
    if torch.is_grad_enabled() and (x.requires_grad or (w is not None and w.requires_grad)):
        pushed: Tensor = _Push.apply(kernel, x, w)
        return pushed
    return kernel.push(x, w)


class _Push(torch.autograd.Function):
    """The one autograd function: push forward, pull and pair backward."""

    @staticmethod
    def forward(kernel: Kernel, x: Tensor, w: Tensor | None) -> Tensor:
        return kernel.push(x, w)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.kernel, x, w = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        kernel: Kernel = ctx.kernel
        x, w = ctx.saved_tensors
        needs = ctx.needs_input_grad
        with as_given(g):
            if kernel.opaque and torch.is_grad_enabled():  # torch cannot look inside to differentiate once more
                to_x = torch.ops.circuitgraph.pull(g, w, x, kernel.handle) if needs[1] else None
                to_w = torch.ops.circuitgraph.pair(x, g, kernel.handle).to(w.dtype) if needs[2] else None
                return None, to_x, to_w
            to_x = kernel.pull(g, w, x) if needs[1] else None
            to_w = kernel.pair(x, g).to(w.dtype) if needs[2] else None
        return None, to_x, to_w


def alike(x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Give both the wider of their types: they differ after a step under autocast."""
    kind = torch.promote_types(x.dtype, g.dtype)
    return x.to(kind), g.to(kind)


def factors_for(
    w: Tensor, ends: Ends, gain: Tensor, decay: Tensor | None, shift: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check factors of an update, one number for each postsynaptic end, and give them in w's type.

    Raises:
        ShapeError: another number of them.
    """
    for name, factor in (("gain", gain), ("decay", decay), ("shift", shift)):
        if factor is not None and factor.shape != (ends.size,):
            got = f"got {tuple(factor.shape)}, expected ({ends.size},), one for each postsynaptic end"
            raise ShapeError(f"update: {name} ({got})")
    decay, shift = (None if factor is None else factor.to(w.dtype).contiguous() for factor in (decay, shift))
    return gain.to(w.dtype).contiguous(), decay, shift


def wide(dtype: torch.dtype) -> torch.dtype:
    """Give the type that sums of this type are kept in: float64 stays, the rest becomes float32.

    Example:
        >>> wide(torch.bfloat16)
        torch.float32
    """
    return torch.float64 if dtype == torch.float64 else torch.float32
