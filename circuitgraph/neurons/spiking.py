"""Neurons that integrate over time, and spike: the equations of NIR, one exact step at a time.

Between steps of dt_ms the input u is constant, so the membrane relaxes exponentially towards v_leak + r u:

    tau dv/dt = v_leak - v + r u      v += (1 - exp(-dt / tau)) * (v_leak + r u - v)      (LI, LIF)
    dv/dt = r u                       v += dt * r * u                                     (IF; dt in seconds)

A neuron spikes where v exceeds its threshold and then starts again from v_reset.  Spikes are 0 or 1; on the way back
the step is given the slope 1 / (1 + pi |v - threshold|)^2 (a fast sigmoid; Zenke and Ganguli 2018).  NIR: Pedersen et
al. (2024).  The membrane is kept from step to step as the column "v", and starts at rest, at 0.
"""

import math
from typing import Any

import torch
from torch import Tensor

from circuitgraph.ir import Shape, value
from circuitgraph.neurons.bias import kept, of_units
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.neurons.pointwise import need_positive
from circuitgraph.registry import neurons

DEFAULTS = {"tau_ms": 20.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, "tau_syn_ms": 5.0, "w_in": 1.0}


class _Integrator(Neuron):
    """A neuron whose parameters, one of each for every unit or neuron, are memory that nothing trains."""

    parameters: tuple[str, ...]
    dt_ms: float

    def __post_init__(self) -> None:
        need_positive(self, "dt_ms", self.dt_ms)

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {name: torch.full((shape[0],), DEFAULTS[name]) for name in self.parameters}

    def _shaped(self, memory: Columns, like: Tensor) -> dict[str, Tensor]:
        return {name: of_units(memory[name], like) for name in self.parameters}

    def _leak(self, v: Tensor, u: Tensor, p: dict[str, Tensor], tau: str = "tau_ms") -> Tensor:
        return v + _share(self.dt_ms, p[tau]) * (p["v_leak"] + p["r"] * u - v)


@neurons.register("li")
@value
class LI(_Integrator):
    """Integrate and leak, without spikes: tau dv/dt = v_leak - v + r u, y = v.

    Memory, one number for each unit: tau_ms, r, v_leak.

    Example:
        >>> import torch, circuitgraph as cg
        >>> y, _ = cg.compile(cg.Circuit().add("x", 1, LI(dt_ms=20.0))).run(torch.ones(2, 1, 1))
        >>> y.flatten().tolist()
        [0.6321..., 0.8646...]
    """

    parameters = ("tau_ms", "r", "v_leak")
    keeps = ("v",)
    dt_ms: float = 1.0

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        v = self._leak(kept(ports, "v", u), u, self._shaped(memory, u))
        return v, {"v": v}


@neurons.register("if")
@value
class IF(_Integrator):
    """Integrate and fire: dv/dt = r u, with time in seconds; y = 1 where v > v_threshold, which resets v to v_reset.

    Memory, one number for each unit: r, v_threshold, v_reset.
    """

    parameters = ("r", "v_threshold", "v_reset")
    keeps = ("v",)
    dt_ms: float = 1.0

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        p = self._shaped(memory, u)
        return _fire(kept(ports, "v", u) + self.dt_ms / 1000 * p["r"] * u, p)


@neurons.register("lif")
@value
class LIF(_Integrator):
    """Leak, integrate and fire: tau dv/dt = v_leak - v + r u; y = 1 where v > v_threshold, which resets v to v_reset.

    Memory, one number for each unit: tau_ms, r, v_leak, v_threshold, v_reset.

    Example:
        >>> import torch, circuitgraph as cg
        >>> y, state = cg.compile(cg.Circuit().add("x", 1, LIF(dt_ms=20.0))).run(1.2 * torch.ones(4, 1, 1))
        >>> y.flatten().tolist(), state["x", "v"].item()
        ([0.0, 1.0, 0.0, 1.0], 0.0)
    """

    parameters = ("tau_ms", "r", "v_leak", "v_threshold", "v_reset")
    keeps = ("v",)
    dt_ms: float = 1.0

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        p = self._shaped(memory, u)
        return _fire(self._leak(kept(ports, "v", u), u, p), p)


@neurons.register("cuba-lif")
@value
class CubaLIF(_Integrator):
    """Leak, integrate and fire on a current that decays as well.

    tau_syn di/dt = -i + w_in u, then as `LIF` with i as input.  Memory, one number for each unit: tau_syn_ms, w_in,
    tau_ms, r, v_leak, v_threshold, v_reset.  The current is kept as the column "i".
    """

    parameters = ("tau_syn_ms", "w_in", "tau_ms", "r", "v_leak", "v_threshold", "v_reset")
    keeps = ("v", "i")
    dt_ms: float = 1.0

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        p, i = self._shaped(memory, u), kept(ports, "i", u)
        i = i + _share(self.dt_ms, p["tau_syn_ms"]) * (p["w_in"] * u - i)
        spikes, columns = _fire(self._leak(kept(ports, "v", u), i, p), p)
        return spikes, columns | {"i": i}


class _Spike(torch.autograd.Function):
    """A step with a slope on the way back."""

    @staticmethod
    def forward(ctx: Any, over: Tensor) -> Tensor:
        ctx.save_for_backward(over)
        return (over > 0).to(over.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (over,) = ctx.saved_tensors
        slope: Tensor = g / (1 + math.pi * over.abs()).square()
        return slope


def _fire(v: Tensor, p: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    spikes: Tensor = _Spike.apply(v - p["v_threshold"])
    fired = spikes.detach()  # the reset passes no gradient
    return spikes, {"v": torch.where(fired > 0, p["v_reset"], v)}


def _share(dt_ms: float, tau_ms: Tensor) -> Tensor:
    """Say which share of the way to its limit a trace goes in one step."""
    return -torch.expm1(-dt_ms / tau_ms)
