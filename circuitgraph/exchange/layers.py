"""Layers of torch as populations and projections: what each says in a circuit."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from circuitgraph.errors import ShapeError
from circuitgraph.exchange.build import Build, Signal, bias_of, numbers, refuse
from circuitgraph.ir import Shape
from circuitgraph.neurons import Activation, BatchNorm, Neuron, ReLU, ScaledBatchNorm, Softmax
from circuitgraph.topologies import Conv, Dense, Pool

Read = Callable[[Build, str, Any, Signal], Signal]


def linear(build: Build, at: str, m: nn.Linear, x: Signal) -> Signal:
    """Connect all to all; over the nodes of a graph, the same weights at each node."""
    shape = build.populations[x.population].shape
    if x.layout == "nodes":
        post = build.layer(x.population, at, Conv(1), numbers(m.weight).ravel(), bias_of(m), m.out_features)
    elif len(shape) > 1 and not x.flat:
        refuse(at, f"Linear over the last axis of {shape} (it has one for each site)", "flatten first, or use Conv1d")
    else:
        post = build.layer(x.population, at, Dense(), numbers(m.weight).ravel(), bias_of(m), m.out_features)
    return dataclasses.replace(x, population=post, flat=False, open=True)


def conv(build: Build, at: str, m: Any, x: Signal) -> Signal:
    """Convolve; taps that never meet the input, which torch allows, are left out."""
    shape = _sited(build, at, m, x)
    if m.padding_mode not in ("zeros", "reflect", "circular"):
        refuse(at, f"padding_mode {m.padding_mode!r}", "use 'zeros', 'reflect' or 'circular'")
    padding, mode = _padding(at, m), m.padding_mode
    law = Conv(m.kernel_size, stride=m.stride, padding=padding, dilation=m.dilation, groups=m.groups, mode=mode)
    filters = numbers(m.weight)
    if m.padding_mode == "zeros":
        law, filters = _cropped(at, law, filters, shape)
    law = law.replace(**{field: _one(getattr(law, field)) for field in ("kernel", "stride", "padding", "dilation")})
    weight = np.moveaxis(filters, 1, -1).reshape(-1)
    post = build.layer(x.population, at, law, weight, bias_of(m), m.out_channels)
    return dataclasses.replace(x, population=post, open=True)


def _one(given: tuple[int, ...]) -> int | tuple[int, ...]:
    """Say once what is the same for every dimension."""
    return given[0] if len(set(given)) == 1 else given


def _padding(at: str, m: Any) -> tuple[int, ...]:
    if m.padding == "valid":
        return (0,) * len(m.kernel_size)
    if m.padding != "same":
        return tuple(m.padding)
    total = [d * (k - 1) for d, k in zip(m.dilation, m.kernel_size, strict=True)]
    if any(n % 2 for n in total):
        refuse(at, "padding='same' with an even kernel is wider on one side", "use an odd kernel")
    return tuple(n // 2 for n in total)


def _cropped(at: str, law: Conv, filters: np.ndarray, pre: Shape) -> tuple[Conv, np.ndarray]:
    """Leave out the outer taps that see nothing but the border: a weight of a circuit has a synapse."""
    window, kernel, padding = law.window(len(pre) - 1), [], []
    for axis, n in enumerate(pre[1:]):
        k, s, p, d = (window[name][axis] for name in ("kernel", "stride", "padding", "dilation"))
        n_out = (n + 2 * p - d * (k - 1) - 1) // s + 1
        first = [a * d - p for a in range(k)]
        met = [a for a in range(k) if any(0 <= first[a] + s * i < n for i in range(max(n_out, 0)))]
        if not met:
            raise ShapeError(f"from_torch: {at}: window larger than the input (got sites {pre[1:]}, kernel {k})")
        lowest, highest = met[0], met[-1]
        filters = np.take(filters, range(lowest, highest + 1), axis=2 + axis)
        kernel.append(highest - lowest + 1)
        padding.append(p - lowest * d)
        if padding[-1] < 0 or (n + 2 * padding[-1] - d * (kernel[-1] - 1) - 1) // s + 1 != n_out:
            refuse(at, f"taps beyond an input of {pre[1:]} sites", "read the module with a larger example")
    return law.replace(kernel=tuple(kernel), padding=tuple(padding)), filters


def batch_norm(build: Build, at: str, m: Any, x: Signal) -> Signal:
    """Normalise by running statistics; these, the gain and the bias become memory."""
    if m.running_mean is None or m.momentum is None:
        refuse(at, "batch normalisation without running statistics of a fixed momentum", "set momentum=0.1")
    if x.layout == "time":
        refuse(at, "batch normalisation over time steps", "normalise inside the features only")
    x = build.unfolded(x, at)
    memory = {"mean": numbers(m.running_mean), "variance": numbers(m.running_var)}
    if not m.affine:
        return build.then(x, at, BatchNorm(m.momentum, m.eps), memory)
    memory |= {"gain": numbers(m.weight), "bias": numbers(m.bias)}
    return build.then(x, at, ScaledBatchNorm(m.momentum, m.eps), memory)


def pool(build: Build, at: str, m: Any, x: Signal) -> Signal:
    """Summarise windows, of the given size or of one that follows from the number of sites."""
    shape = _sited(build, at, m, x)
    law = _adaptive(at, m, shape) if type(m).__name__.startswith("Adaptive") else _window(at, m)
    post = build.add(at, law.post_shape(shape))
    build.connect(x.population, post, law)
    return dataclasses.replace(x, population=post, open=True)


def _window(at: str, m: Any) -> Pool:
    how = "max" if "Max" in type(m).__name__ else "mean"
    if how == "max" and (np.any(np.not_equal(m.dilation, 1)) or m.return_indices):
        refuse(at, "a max pool with dilation, or that returns indices", "use neither")
    if how == "mean" and np.any(m.padding) and not m.count_include_pad:
        refuse(at, "a mean over windows that leave out the border (count_include_pad=False)", "use padding=0")
    if how == "mean" and getattr(m, "divisor_override", None):
        refuse(at, "a mean with divisor_override", "leave it out")
    return Pool(_ints(m.kernel_size), _ints(m.stride), _ints(m.padding), how)  # type: ignore[arg-type]


def _adaptive(at: str, m: Any, shape: Shape) -> Pool:
    how, sites = ("max" if "Max" in type(m).__name__ else "mean"), shape[1:]
    given = m.output_size if isinstance(m.output_size, tuple | list) else (m.output_size,) * len(sites)
    wanted = [n if out is None else out for n, out in zip(sites, given, strict=True)]
    if any(n % out for n, out in zip(sites, wanted, strict=True)):
        got = f"from {sites} sites to {tuple(wanted)}"
        refuse(at, f"windows of different size, {got}", "use sizes that divide the input")
    return Pool(_one(tuple(n // out for n, out in zip(sites, wanted, strict=True))), how=how)  # type: ignore[arg-type]


def _ints(given: Any) -> Any:
    return tuple(given) if isinstance(given, tuple | list) else given


def flatten(build: Build, at: str, m: nn.Flatten, x: Signal) -> Signal:
    """Fold sites into units: nothing to compute."""
    n = len(build.populations[x.population].shape)
    if x.layout != "plain" or m.start_dim != 1 or m.end_dim not in (-1, n):
        refuse(at, f"flatten from axis {m.start_dim} to {m.end_dim}", "flatten all but the batch: start_dim=1")
    return dataclasses.replace(x, flat=True)


def same(build: Build, at: str, m: nn.Module, x: Signal) -> Signal:
    """Leave the signal as it is: dropout in eval, identity."""
    return x


def activation(build: Build, at: str, m: nn.Module, x: Signal) -> Signal:
    """Apply an activation function in the population's neuron."""
    return build.then(x, at, activation_of(at, m))


def activation_of(at: str, m: Any) -> Neuron:
    """Give the neuron of one of torch's activation functions."""
    if isinstance(m, nn.ReLU):
        return ReLU()
    if isinstance(m, nn.LeakyReLU | nn.ELU):
        name, parameter = ("leaky-relu", m.negative_slope) if isinstance(m, nn.LeakyReLU) else ("elu", m.alpha)
        return Activation(name, float(parameter))  # type: ignore[arg-type]
    if isinstance(m, nn.GELU) and m.approximate != "none":
        refuse(at, f"GELU(approximate={m.approximate!r})", "use the exact GELU")
    if isinstance(m, nn.Softplus):
        if m.threshold != 20:
            refuse(at, f"Softplus(threshold={m.threshold})", "use threshold=20")
        return Activation("softplus", float(m.beta))
    return Activation(PLAIN[type(m)])  # type: ignore[arg-type]


PLAIN: dict[type[nn.Module], str] = {
    nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.SELU: "selu", nn.ReLU6: "relu6", nn.Hardsigmoid: "hardsigmoid",
    nn.GELU: "gelu", nn.SiLU: "silu", nn.Hardswish: "hardswish", nn.Mish: "mish",
}  # fmt: skip


def softmax(build: Build, at: str, m: nn.Softmax, x: Signal) -> Signal:
    """Compete among units."""
    n = len(build.populations[x.population].shape) + 1
    axes = {"plain": (1, 1 - n), "nodes": (1, -1), "time": (-1, 2)}[x.layout]
    if m.dim not in axes or x.flat:
        refuse(at, f"softmax along axis {m.dim}", "softmax along units: dim=1")
    return build.then(x, at, Softmax())


def _sited(build: Build, at: str, m: Any, x: Signal) -> Shape:
    """Give the shape of a population with as many dimensions of sites as a layer works on."""
    shape, rank = build.populations[x.population].shape, int(type(m).__name__[-2])
    if x.layout != "plain" or x.flat or len(shape) != rank + 1:
        seen = (math.prod(shape),) if x.flat else shape
        refuse(at, f"{type(m).__name__} over units and sites {seen}", f"give it (batch, channels) and {rank} more axes")
    return shape


LAYERS: dict[type[nn.Module], Read] = {
    nn.Linear: linear,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), conv),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), batch_norm),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), pool),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), pool),
    **dict.fromkeys((nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), pool),
    nn.Flatten: flatten,
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout), same),
    **dict.fromkeys((nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Softplus, *PLAIN), activation),
    nn.Softmax: softmax,
}
"""What is read of each layer.  Subclasses are not taken for their parents: they may compute something else."""
