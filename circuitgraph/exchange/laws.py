"""Projections as operations of torch: each law as a layer where torch has one, else as a few of its functions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from circuitgraph.errors import StructureError
from circuitgraph.exchange.sheet import Sheet
from circuitgraph.ir import Circuit, Projection, Shape, n_neurons
from circuitgraph.topologies import (
    Conv,
    Dense,
    Explicit,
    Gather,
    GraphConv,
    GraphEdges,
    OneToOne,
    Pool,
    Pruned,
    Spread,
)

MOST_SYNAPSES = 1 << 26
"""More than that are not listed one by one: laws that torch has no layer for would take gigabytes."""
CONVS: tuple[type[Any], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
MAX_POOLS: tuple[type[Any], ...] = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
MEAN_POOLS: tuple[type[Any], ...] = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def write_law(sheet: Sheet, circuit: Circuit, p: Projection, x: fx.Node, bias: Tensor | None) -> fx.Node:
    """Write a projection: pruned slots become zeros, since torch's layers are whole.

    `bias` is given for Dense and Conv alone.
    """
    law, weight = whole(circuit, p)
    write: Write = WRITERS.get(type(law), _listed)
    shapes = circuit.shapes(p)
    return write(sheet, p, law, (torch.tensor(weight), *shapes), x, bias)


def whole(circuit: Circuit, p: Projection) -> tuple[Any, np.ndarray]:
    """Give the law before pruning, and its weights, zero where a slot was removed."""
    if not isinstance(p.topology, Pruned):
        return p.topology, p.weight
    law = p.topology.topology
    weight = np.zeros(law.n_slots(*circuit.shapes(p)), p.weight.dtype)
    weight[p.topology.keep] = p.weight
    return law, weight


def block_of(circuit: Circuit, p: Projection) -> tuple[int, int] | None:
    """Tell which postsynaptic units, from one to before another, repeat the presynaptic ones; None if that is not so.

    Onto a population without sites, neurons are repeated, whatever shape they have.
    """
    (pre, post), law = circuit.shapes(p), p.topology
    if not p.fixed or not (p.weight == 1).all():
        return None
    if isinstance(law, Pruned) and law.topology == Conv(1):
        n, at_pre, at_post = pre[0], law.keep % pre[0], law.keep // pre[0]
    elif isinstance(law, Explicit) and len(post) == 1:
        n, at_pre, at_post = n_neurons(pre), law.pre, law.post
    else:
        return None
    begin = int(at_post[0]) if len(at_post) else 0
    whole = np.array_equal(at_pre, np.arange(n)) and np.array_equal(at_post, begin + np.arange(n))
    return (begin, begin + n) if whole else None


def takes_bias(circuit: Circuit, p: Projection) -> bool:
    """Tell whether torch's layer for this law has a bias for each postsynaptic unit."""
    law, (_, post) = whole(circuit, p)[0], circuit.shapes(p)
    return (isinstance(law, Dense) and len(post) == 1) or isinstance(law, Conv)


Given = tuple[Tensor, Shape, Shape]
Write = Callable[[Sheet, Projection, Any, Given, fx.Node, Tensor | None], fx.Node]


def _dense(sheet: Sheet, p: Projection, law: Dense, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    w, pre, post = given
    m = sheet.filled(nn.Linear(n_neurons(pre), n_neurons(post), bias is not None), not p.fixed, w, bias)
    x = sheet.flat(x) if len(pre) > 1 else x
    return sheet.shaped(sheet.call(p, m, x), post) if len(post) > 1 else sheet.call(p, m, x)


def _conv(sheet: Sheet, p: Projection, law: Conv, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    w, pre, post = given
    window = law.window(len(pre) - 1)
    m = CONVS[len(pre) - 2](
        pre[0],
        post[0],
        window["kernel"],
        window["stride"],
        window["padding"],
        window["dilation"],
        law.groups,
        bias is not None,
        law.mode,
    )
    filters = w.view(post[0], *window["kernel"], pre[0] // law.groups).movedim(-1, 1)
    return sheet.call(p, sheet.filled(m, not p.fixed, filters, bias), x)


def _pool(sheet: Sheet, p: Projection, law: Pool, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    w, pre, _ = given
    window, kinds = law.window(len(pre) - 1), MAX_POOLS if law.how == "max" else MEAN_POOLS
    m = kinds[len(pre) - 2](window["kernel"], window["stride"], window["padding"])
    return _weighed(sheet, p, w, sheet.call(p, m, x), pre)


def _relay(sheet: Sheet, p: Projection, law: Any, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    w, pre, post = given
    if isinstance(law, Gather):
        return sheet.method("sum", _weighed(sheet, p, w, x, pre), 1, True)
    if isinstance(law, Spread):
        x = sheet.method("expand", x, -1, *post)
    return _weighed(sheet, p, w, x, post)


def _weighed(sheet: Sheet, p: Projection, w: Tensor, x: fx.Node, shape: Shape) -> fx.Node:
    """Scale each unit, if there is anything to scale."""
    if bool((w == 1).all()) and p.fixed:
        return x
    return sheet.function(torch.mul, x, sheet.parameter(p.name, w.view(-1, *[1] * (len(shape) - 1)), not p.fixed))


def _graph_conv(sheet: Sheet, p: Projection, law: GraphConv, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    w, pre, post = given
    matrix = sheet.parameter(p.name, w.view(post[0], pre[0]), not p.fixed)
    at_pre, at_post, coef = law.edges(pre[1])
    mixed = sheet.function(torch.matmul, matrix, x)
    return _along(sheet, p, mixed, at_pre, at_post, sheet.buffer(f"{p.name}_coef", torch.tensor(coef).to(w.dtype)))


def _graph_edges(
    sheet: Sheet, p: Projection, law: GraphEdges, given: Given, x: fx.Node, bias: Tensor | None
) -> fx.Node:
    return _along(sheet, p, x, law.pre, law.post, sheet.parameter(p.name, given[0], not p.fixed))


def _along(sheet: Sheet, p: Projection, x: fx.Node, pre: np.ndarray, post: np.ndarray, factor: fx.Node) -> fx.Node:
    """Carry (B, units, nodes) along edges."""
    at_pre, at_post = (sheet.buffer(f"{p.name}_{end}", torch.tensor(at)) for end, at in (("pre", pre), ("post", post)))
    messages = sheet.function(torch.mul, sheet.method("index_select", x, 2, at_pre), factor)
    return sheet.method("index_add", sheet.function(torch.zeros_like, x), 2, at_post, messages)


def _explicit(sheet: Sheet, p: Projection, law: Explicit, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    w, pre, post = given
    n = np.arange(n_neurons(pre))
    one = p.fixed and bool((w == 1).all()) and n_neurons(pre) == n_neurons(post)
    if one and np.array_equal(law.pre, n) and np.array_equal(law.post, n):  # only the shape is another
        return sheet.shaped(sheet.flat(x) if len(pre) > 1 else x, post)
    return _listed(sheet, p, law, given, x, bias)


def _listed(sheet: Sheet, p: Projection, law: Any, given: Given, x: fx.Node, bias: Tensor | None) -> fx.Node:
    """Gather, weigh and scatter: what any law means."""
    w, pre, post = given
    n = law.n_synapses(pre, post)
    if law.reduce != "sum" or n > MOST_SYNAPSES:
        got = f"got {n:,} synapses, expected a sum of at most {MOST_SYNAPSES:,}"
        where = f"to_torch: projection {p.name!r}"
        raise StructureError(f"{where}: no layer of torch for {law!r} ({got}); use Conv or Dense")
    table, weight = law.synapses(pre, post), sheet.parameter(p.name, w, not p.fixed)
    tables = (("pre", table.pre), ("post", table.post), ("slot", table.slot))
    at = {name: sheet.buffer(f"{p.name}_{name}", torch.tensor(column)) for name, column in tables}
    flat, factor = sheet.flat(x) if len(pre) > 1 else x, sheet.method("index_select", weight, 0, at["slot"])
    if not bool((table.coef == 1).all()):
        coef = sheet.buffer(f"{p.name}_coef", torch.tensor(table.coef).to(w.dtype))
        factor = sheet.function(torch.mul, factor, coef)
    messages = sheet.function(torch.mul, sheet.method("index_select", flat, 1, at["pre"]), factor)
    silent = sheet.method("new_zeros", flat, (sheet.method("size", flat, 0), math.prod(post)))
    y = sheet.method("index_add", silent, 1, at["post"], messages)
    return sheet.shaped(y, post) if len(post) > 1 else y


WRITERS: dict[type, Write] = {
    Dense: _dense, Conv: _conv, Pool: _pool, OneToOne: _relay, Gather: _relay, Spread: _relay, Explicit: _explicit,
    GraphConv: _graph_conv, GraphEdges: _graph_edges,
}  # fmt: skip
