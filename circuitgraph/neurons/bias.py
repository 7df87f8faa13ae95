"""Neurons with parameters of their own: a bias, a gain; and neurons one after the other in one population."""

import math
from typing import Any

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Shape, value
from circuitgraph.neurons.competitive import BatchNorm
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.registry import neurons


@neurons.register("bias")
@value
class Bias(Neuron):
    """Add a number of its own to each unit, trained by gradient: y = u + bias.

    Example:
        >>> import numpy as np, torch, circuitgraph as cg
        >>> x = cg.Population("x", 2, Bias(), memory={"bias": np.array([1.0, -1.0], np.float32)})
        >>> cg.compile(cg.Circuit().add(x))(torch.zeros(1, 2)).tolist()
        [[1.0, -1.0]]
    """

    @property
    def trained(self) -> tuple[str, ...]:
        return ("bias",)

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"bias": torch.zeros(shape[0])}

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return ports["in"] + of_units(memory["bias"], ports["in"]), {}


@neurons.register("scaled-batch-norm")
@value
class ScaledBatchNorm(BatchNorm):
    """Normalise each unit over batch and sites, then scale and shift it (Ioffe and Szegedy 2015).

    y = gain * (u - mean) / sqrt(variance + eps) + bias.  Gain and bias are trained by gradient; `learn` moves the rest.

    Example:
        >>> import torch
        >>> memory = ScaledBatchNorm().memory((2,))
        >>> ScaledBatchNorm().drive({"in": torch.ones(1, 2)}, memory, training=False)[0].shape
        torch.Size([1, 2])
    """

    @property
    def trained(self) -> tuple[str, ...]:
        return ("gain", "bias")

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return super().memory(shape) | {"gain": torch.ones(shape[0]), "bias": torch.zeros(shape[0])}

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        if training:
            z, seen = super().drive(ports, memory, training=True)
            return torch.addcmul(of_units(memory["bias"], z), z, of_units(memory["gain"], z)), seen
        u, rate = ports["in"], memory["gain"] * (memory["variance"] + self.eps).rsqrt()
        shift = memory["bias"] - memory["mean"] * rate
        return torch.addcmul(of_units(shift, u), u, of_units(rate, u)), {}


@neurons.register("chain")
@value
class Chain(Neuron):
    """Let neurons of one population act one after the other: y = last(... second(first(ports))).

    The first decides the ports, the others read what comes before them as "in".  Memory and columns of the first keep
    their names, those of neuron i, counted from 0, end in "_i"; what a neuron keeps from step to step does so too.

    Raises:
        StructureError: for what are no neurons, none at all, or one after the first with other ports than "in".

    Example:
        >>> import torch
        >>> both = Chain((Bias(), BatchNorm()))
        >>> sorted(both.memory((2,)))
        ['bias', 'mean_1', 'variance_1']
    """

    neurons: tuple[Neuron, ...]

    def __post_init__(self) -> None:
        given: Any = self.neurons
        members = tuple(given) if isinstance(given, tuple | list) else ()
        if not members or not all(isinstance(n, Neuron) for n in members):
            raise StructureError(f"Chain: neurons (got {given!r}, expected a tuple of neurons, e.g. (Bias(), ReLU()))")
        for n in members[1:]:
            if n.ports != ("in",):
                got = f"got ports {n.ports}, expected 'in'"
                raise StructureError(f"Chain: {n!r} cannot follow another neuron ({got}); put it first")
        object.__setattr__(self, "neurons", members)
        object.__setattr__(self, "ports", members[0].ports)
        object.__setattr__(self, "keeps", tuple(named(i, name) for i, n in enumerate(members) for name in n.keeps))

    @property
    def trained(self) -> tuple[str, ...]:
        return tuple(named(i, name) for i, n in enumerate(self.neurons) for name in n.trained)

    def check(self, shape: Shape) -> None:
        for n in self.neurons:
            n.check(shape)

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {named(i, name): v for i, n in enumerate(self.neurons) for name, v in n.memory(shape).items()}

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        columns: dict[str, Tensor] = {}
        arriving = {port: ports[port] for port in self.ports}
        for i, n in enumerate(self.neurons):
            before = {name: ports[named(i, name)] for name in n.keeps if named(i, name) in ports}
            z, extra = n.drive(arriving | before, _of_member(i, len(self.neurons), memory), training=training)
            columns |= {named(i, name): column for name, column in extra.items()}
            if i + 1 < len(self.neurons):
                arriving = {"in": n.respond(z)}
        return z, columns

    def respond(self, z: Tensor) -> Tensor:
        return self.neurons[-1].respond(z)

    def learn(self, columns: Columns, memory: dict[str, Tensor]) -> None:
        for i, n in enumerate(self.neurons):
            n.learn(_of_member(i, len(self.neurons), columns), _of_member(i, len(self.neurons), memory))

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls((Bias(),)), cls((ScaledBatchNorm(), BatchNorm(), Bias()))]


def named(i: int, name: str) -> str:
    """Name the memory of the i-th neuron of a chain.

    Example:
        >>> named(0, "bias"), named(2, "bias")
        ('bias', 'bias_2')
    """
    return f"{name}_{i}" if i else name


def of_units(values: Tensor, like: Tensor) -> Tensor:
    """See one number per unit as what can be added to activity.  Shape: (U,) -> (U, *1)."""
    return values.to(like.dtype).view(-1, *[1] * (like.ndim - 2))


def kept(ports: Columns, name: str, like: Tensor) -> Tensor:
    """Look up what a neuron kept from the step before; zeros at rest."""
    return ports[name] if name in ports else torch.zeros_like(like)


def _of_member(i: int, n: int, named_tensors: Columns) -> dict[str, Tensor]:
    """Pick what belongs to one neuron of a chain.  The tensors themselves, so `learn` changes them in place."""
    if i:
        return {k.removesuffix(f"_{i}"): v for k, v in named_tensors.items() if k.endswith(f"_{i}")}
    ends = tuple(f"_{j}" for j in range(1, n))
    return {k: v for k, v in named_tensors.items() if not k.endswith(ends)} if ends else dict(named_tensors)


def finite(where: str, given: object) -> float:
    """Read a finite number; ShapeError otherwise."""
    number = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
    if not math.isfinite(number):
        raise ShapeError(f"{where} (got {given!r}, expected a finite number)")
    return number
