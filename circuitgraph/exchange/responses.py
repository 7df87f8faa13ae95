"""Neurons as layers of torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from circuitgraph.exchange.sheet import Sheet
from circuitgraph.ir import Shape
from circuitgraph.neurons import (
    Activation,
    BatchNorm,
    Bias,
    Chain,
    Exponential,
    Linear,
    Neuron,
    ReLU,
    ScaledBatchNorm,
    Softmax,
)
from circuitgraph.neurons.bias import named

Memory = Mapping[str, np.ndarray]
NORMS: tuple[type[Any], ...] = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
LAYERS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "selu": nn.SELU, "relu6": nn.ReLU6, "hardsigmoid": nn.Hardsigmoid,
    "gelu": nn.GELU, "silu": nn.SiLU, "hardswish": nn.Hardswish, "mish": nn.Mish, "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU, "softplus": nn.Softplus,
}  # fmt: skip


class Fires(nn.Module):
    """A neuron that torch has no layer for, with its memory: the one part that needs this package to run."""

    def __init__(self, neuron: Neuron, memory: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.neuron, self.names = neuron, tuple(memory)
        for name, value in memory.items():
            if name in neuron.trained:
                self.register_parameter(f"memory_{name}", nn.Parameter(value))
            else:
                self.register_buffer(f"memory_{name}", value)

    def forward(self, *ports: Tensor) -> Tensor:
        memory = {name: getattr(self, f"memory_{name}") for name in self.names}
        z, _ = self.neuron.drive(dict(zip(self.neuron.ports, ports, strict=True)), memory, training=False)
        return self.neuron.respond(z)


def parts_of(neuron: Neuron, memory: Memory) -> list[tuple[Neuron, dict[str, np.ndarray]]]:
    """List the neurons that act one after the other, each with its own memory under its own names."""
    members = neuron.neurons if isinstance(neuron, Chain) else (neuron,)
    out = []
    for i, n in enumerate(members):
        fresh = {k: v.numpy() for k, v in n.memory((1,)).items()}
        out.append((n, {k: memory[named(i, k)] for k in fresh if named(i, k) in memory}))
    return out


def write_response(sheet: Sheet, name: str, neuron: Neuron, memory: Memory, shape: Shape, x: fx.Node) -> fx.Node:
    """Write what one neuron with the port "in" does."""
    if isinstance(neuron, Linear):
        return x
    given = {k: torch.tensor(memory[k]) if k in memory else v for k, v in neuron.memory(shape).items()}
    if isinstance(neuron, Bias):
        return sheet.function(torch.add, x, sheet.parameter(f"{name}_bias", _over(given["bias"], shape), True))
    if isinstance(neuron, BatchNorm) and type(neuron) in (BatchNorm, ScaledBatchNorm) and len(shape) <= 4:
        return sheet.call(f"{name}_norm", _norm(neuron, given, shape), x)
    if isinstance(neuron, Softmax | Exponential):
        scaled = x if neuron.gain == 1 else sheet.function(torch.mul, x, neuron.gain)
        if isinstance(neuron, Exponential):
            return sheet.function(torch.exp, scaled)
        return sheet.call(f"{name}_softmax", nn.Softmax(1), scaled)
    m = plain(neuron) or Fires(neuron, given)
    return sheet.call(f"{name}_{type(m).__name__.lower()}", m, x)


def plain(neuron: Neuron) -> nn.Module | None:
    """Give torch's layer of an elementwise neuron; None where it has none."""
    if isinstance(neuron, ReLU):
        return nn.ReLU()
    if not isinstance(neuron, Activation):
        return None
    given = () if neuron.parameter is None else (neuron.parameter,)
    return LAYERS[neuron.function](*given)


@torch.no_grad()
def _norm(neuron: BatchNorm, memory: Mapping[str, Tensor], shape: Shape) -> nn.Module:
    m = NORMS[len(shape) - 1](shape[0], neuron.eps, neuron.momentum, affine="gain" in memory)
    m.to(memory["mean"].dtype)
    m.running_mean.copy_(memory["mean"])
    m.running_var.copy_(memory["variance"])
    if "gain" in memory:
        m.weight.copy_(memory["gain"])
        m.bias.copy_(memory["bias"])
    layer: nn.Module = m
    return layer


def _over(values: Tensor, shape: Shape) -> Tensor:
    return values.view(-1, *[1] * (len(shape) - 1))
