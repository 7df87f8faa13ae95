"""Recurrent layers of torch: each layer becomes one population, its gates become ports."""

import dataclasses
from typing import Any

import numpy as np
from torch import nn

from circuitgraph.exchange.build import Build, Signal, numbers, refuse
from circuitgraph.neurons import GRU, LSTM, Activation, Bias, Neuron, ReLU
from circuitgraph.topologies import Dense

GATES = {"LSTM": ("input", "forget", "cell", "output"), "GRU": ("reset", "update", "new"), "RNN": ("in",)}
"""The ports that rows of torch's weights belong to, in torch's order."""


@dataclasses.dataclass(frozen=True)
class Layers:
    """What torch calls h_n: the last output of every layer."""

    signals: tuple[Signal, ...]


def recurrent(build: Build, at: str, m: nn.RNNBase, x: Signal) -> tuple[Any, ...]:
    """Read an RNN, GRU or LSTM; returns what the module returns: the output, and the last states of its layers."""
    if m.bidirectional or m.proj_size:
        refuse(at, f"{m.mode} with bidirectional or proj_size", "a circuit runs forward in time; use two modules")
    outputs = []
    for k in range(m.num_layers):
        x = _layer(build, f"{at}_l{k}" if m.num_layers > 1 else at, m, k, x)
        outputs.append(dataclasses.replace(x, last=True, swapped=False))
    states = Layers(tuple(outputs))
    return (x, (states, None)) if m.mode == "LSTM" else (x, states)


def _layer(build: Build, at: str, m: nn.RNNBase, k: int, x: Signal) -> Signal:
    kind = "RNN" if m.mode.startswith("RNN") else m.mode
    gates = GATES[kind]
    w_x, w_h = (np.split(numbers(getattr(m, f"weight_{end}_l{k}")), len(gates)) for end in ("ih", "hh"))
    post = build.add(at, (m.hidden_size,))
    for neuron, memory in _neurons(m, kind, k):
        build.tell(post, neuron, memory)
    for port, w in zip(gates, w_x, strict=True):
        build.connect(x.population, post, Dense(), w.ravel(), port=port)
    for port, w in zip(gates, w_h, strict=True):
        port = "again" if port == "new" else port
        build.connect(post, post, Dense(), w.ravel(), port=port, delay=1)
    return dataclasses.replace(x, population=post, open=False)


def _neurons(m: nn.RNNBase, kind: str, k: int) -> list[tuple[Neuron, dict[str, np.ndarray]]]:
    zeros = np.zeros(m.hidden_size * len(GATES[kind]), np.float32)
    from_x, from_h = (numbers(getattr(m, f"bias_{end}_l{k}")) if m.bias else zeros for end in ("ih", "hh"))
    if kind == "RNN":
        bias = [(Bias(), {"bias": from_x + from_h})] if m.bias else []
        return [*bias, (Activation("tanh") if m.mode == "RNN_TANH" else ReLU(), {})]
    parts = np.split(from_x + from_h, len(GATES[kind]))
    memory = {f"bias_{port}": b for port, b in zip(GATES[kind], parts, strict=True)}
    if kind == "LSTM":
        return [(LSTM(), memory)]
    # The candidate hears its past through the reset gate, bias included.
    size = m.hidden_size
    return [(GRU(), memory | {"bias_new": from_x[2 * size :], "bias_again": from_h[2 * size :]})]
