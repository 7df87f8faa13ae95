"""Recurrent populations that are whole layers of torch: RNN, GRU, LSTM."""

from typing import Any

import numpy as np
import torch
from torch import nn

from circuitgraph.compiler.plan import neuron_of
from circuitgraph.exchange.laws import whole
from circuitgraph.exchange.recurrent import GATES
from circuitgraph.exchange.responses import parts_of
from circuitgraph.ir import Circuit, Projection
from circuitgraph.neurons import GRU, LSTM, Activation, Bias, ReLU
from circuitgraph.topologies import Dense

Wiring = dict[tuple[str, bool], np.ndarray]
"""Weights by port, and whether they come from the past."""


def cell_of(circuit: Circuit, population: str) -> tuple[str, nn.RNNBase] | None:
    """Give the population that a cell hears and the layer of torch that computes it; None where it is no such cell.

    A cell hears one population without delay and itself one step ago, all to all (pruned slots count as zero).
    """
    neuron, p = neuron_of(circuit, population), circuit.population(population)
    arriving = [q for q in circuit.projections if q.post == population]
    now, ago = {q.pre for q in arriving if not q.delay}, [q for q in arriving if q.delay]
    if len(now) != 1 or len(p.shape) > 1 or any(q.delay != 1 or q.pre != population for q in ago):
        return None
    wiring = _wiring(circuit, arriving)
    pre = now.pop()
    if wiring is None or len(circuit.population(pre).shape) > 1:
        return None
    biases: tuple[np.ndarray | None, np.ndarray | None]
    sizes, dtype = (circuit.population(pre).n_units, p.n_units), torch.tensor(arriving[0].weight[:0]).dtype
    if isinstance(neuron, LSTM | GRU):
        memory = {k: np.asarray(p.memory[k]) if k in p.memory else v.numpy() for k, v in neuron.memory(p.shape).items()}
        kind = "LSTM" if isinstance(neuron, LSTM) else "GRU"
        m: Any = (nn.LSTM if isinstance(neuron, LSTM) else nn.GRU)(*sizes, dtype=dtype)
        biases = _gated_biases(kind, memory)
    else:
        found = _plain(circuit, population) if ago else None
        if found is None:
            return None
        kind, biases = "RNN", (found[1], None)
        m = nn.RNN(*sizes, nonlinearity=found[0], dtype=dtype)
    _fill(m, kind, wiring, biases)
    return pre, m


def _wiring(circuit: Circuit, arriving: list[Projection]) -> Wiring | None:
    wiring: Wiring = {}
    for q in arriving:
        law, weight = whole(circuit, q)
        key = q.port, bool(q.delay)
        if not isinstance(law, Dense) or key in wiring or q.fixed:
            return None
        wiring[key] = weight
    return wiring


def _plain(circuit: Circuit, population: str) -> tuple[str, np.ndarray | None] | None:
    """Read a bias, if any, and a tanh or a rectifier."""
    parts = parts_of(neuron_of(circuit, population), circuit.population(population).memory)
    bias = None
    if isinstance(parts[0][0], Bias) and len(parts) == 2:
        bias = parts[0][1].get("bias")
        parts = parts[1:]
    if len(parts) != 1:
        return None
    last = parts[0][0]
    if isinstance(last, ReLU):
        return "relu", bias
    return ("tanh", bias) if last == Activation("tanh") else None


def _gated_biases(kind: str, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    from_x = np.concatenate([memory[f"bias_{port}"] for port in GATES[kind]])
    if kind == "LSTM":
        return from_x, None
    again, n = memory["bias_again"], len(memory["bias_again"])
    return from_x, np.concatenate([np.zeros(2 * n, again.dtype), again])


@torch.no_grad()
def _fill(m: Any, kind: str, wiring: Wiring, biases: tuple[np.ndarray | None, np.ndarray | None]) -> None:
    for name, late in (("weight_ih_l0", False), ("weight_hh_l0", True)):
        target = getattr(m, name)
        blocks = []
        for port in GATES[kind]:
            w = wiring.get(("again" if late and port == "new" else port, late))
            rows = torch.zeros(m.hidden_size, target.shape[1]) if w is None else torch.tensor(w)
            blocks.append(rows.view(m.hidden_size, -1))
        target.copy_(torch.cat(blocks))
    for name, bias in zip(("bias_ih_l0", "bias_hh_l0"), biases, strict=True):
        target = getattr(m, name)
        target.copy_(torch.zeros_like(target) if bias is None else torch.tensor(bias))
