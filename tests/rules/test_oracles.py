"""Every rule against loops over samples and synapses, straight from the published formula, in float64."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.ir import Shape, Topology

CONV = cg.Conv(3, padding=1, mode="reflect")
# Topology, shapes, and which neurons one slot's postsynaptic end consists of.
WIRINGS = [
    (cg.Dense(), (3,), (4,), "neuron"),
    (cg.Dense(), (2, 3), (2, 2), "neuron"),
    (CONV, (2, 4, 4), (3, 4, 4), "unit"),
    (cg.Conv(3, padding=1, stride=2), (2, 5, 4), (3, 3, 2), "unit"),
    (cg.Conv(3, padding=1, groups=2), (4, 3, 3), (2, 3, 3), "unit"),
    (cg.Conv(2, mode="circular", padding=1), (1, 5), (2, 6), "unit"),
    (cg.Explicit([0, 4, 1, 4, 2], [2, 0, 0, 2, 2]), (5,), (3,), "neuron"),
    (cg.ErdosRenyi(0.5, seed=3), (6,), (2, 2), "neuron"),
    (cg.GraphEdges([0, 1, 2, 2, 3], [1, 0, 3, 0, 3]), (2, 4), (2, 4), "site"),
    (cg.GraphConv([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (3, 4), "unit"),
    (cg.Pruned(CONV, np.arange(0, 54, 3)), (2, 4, 4), (3, 4, 4), "unit"),
    (cg.Pruned(cg.Dense(), [0, 2, 3, 7, 11]), (3,), (4,), "neuron"),
]
Row = list[float]
Signal = Callable[[Row, Row, Sequence[int]], tuple[Row, Row]]
"""From the inputs u and outputs y of rivals at one site: what meets x, and what decays the weight."""


def hebb(u: Row, y: Row, units: Sequence[int]) -> tuple[Row, Row]:
    return y, [0.0 for _ in units]


def oja(u: Row, y: Row, units: Sequence[int]) -> tuple[Row, Row]:
    return y, [y[i] ** 2 for i in units]


def instar(u: Row, y: Row, units: Sequence[int]) -> tuple[Row, Row]:
    return y, y


def hard_wta(u: Row, y: Row, units: Sequence[int]) -> tuple[Row, Row]:
    winner = max(units, key=lambda i: u[i])
    v = [u[i] if i == winner else 0.0 for i in units]
    return v, v


def softhebb(gain: float = 1.0, anti: bool = True, cutoff: float = 0.0) -> Signal:
    def signal(u: Row, y: Row, units: Sequence[int]) -> tuple[Row, Row]:
        total = sum(math.exp(gain * u[i]) for i in units)
        winner = max(units, key=lambda i: u[i])
        share = [math.exp(gain * u[i]) / total for i in units]
        for i in units:
            if i != winner and share[i] < cutoff:
                share[i] = 0.0
            if i != winner and anti:
                share[i] = -share[i]
        return share, [share[i] * u[i] for i in units]

    return signal


def learned(
    topology: Topology, pre: Shape, post: Shape, end: str, x: np.ndarray, w: np.ndarray, *,
    signal: Signal, learning_rate: float, normalize: str | None, rate_power: float | None,
    unit_norm: bool,
) -> np.ndarray:  # fmt: skip
    """Give the weights after one learning step, by loops."""
    table, n_post, sites = topology.synapses(pre, post), math.prod(post), math.prod(post[1:])
    edges = list(zip(*(getattr(table, c).tolist() for c in ("pre", "post", "slot", "coef")), strict=True))
    end_of = {"neuron": lambda n: n, "unit": lambda n: n // sites, "site": lambda n: n % sites}[end]
    end_of_slot = {slot: end_of(j) for _, j, slot, _ in edges}
    dw = [0.0] * len(w)
    for sample in x.reshape(len(x), -1).tolist():
        u = [0.0] * n_post
        for i, j, slot, coef in edges:
            u[j] += coef * w[slot] * sample[i]
        meets, decays = [0.0] * n_post, [0.0] * n_post
        for site in range(sites):
            rivals = range(site, n_post, sites)
            at_site = [u[j] for j in rivals]
            out = signal(at_site, [max(a, 0.0) for a in at_site], range(post[0]))
            for j, a, b in zip(rivals, *out, strict=True):
                meets[j], decays[j] = a, b
        for i, j, slot, coef in edges:
            dw[slot] += coef * sample[i] * meets[j]
        for slot in range(len(w)):
            dw[slot] -= w[slot] * sum(decays[j] for j in range(n_post) if end_of(j) == end_of_slot[slot])
    new = []
    for slot in range(len(w)):
        family = [k for k in range(len(w)) if end_of_slot[k] == end_of_slot[slot]]
        group = {"layer": range(len(w)), "neuron": family, None: []}[normalize]
        rate = learning_rate / (max(abs(dw[k]) for k in group) if normalize else 1.0)
        if rate_power is not None:
            rate *= (abs(math.sqrt(sum(w[k] ** 2 for k in family)) - 1) + 1e-10) ** rate_power
        new.append(w[slot] + rate * dw[slot])
    if unit_norm:
        new = [
            a / math.sqrt(sum(new[k] ** 2 for k in range(len(w)) if end_of_slot[k] == end_of_slot[slot]))
            for slot, a in enumerate(new)
        ]
    return np.array(new)


RULES = [
    (cg.Hebb(0.1), hebb, None, None),
    (cg.Hebb(-0.1, normalize="layer"), hebb, "layer", None),
    (cg.Hebb(0.1, normalize="neuron"), hebb, "neuron", None),
    (cg.Oja(0.1), oja, None, None),
    (cg.Oja(0.1, normalize="neuron"), oja, "neuron", None),
    (cg.Oja(0.1, unit_norm=True), oja, None, None),
    (cg.SoftHebb(0.1, unit_norm=True), softhebb(), "layer", 0.5),
    (cg.Instar(0.1), instar, None, None),
    (cg.Instar(0.1, normalize="layer"), instar, "layer", None),
    (cg.HardWTA(0.1), hard_wta, "layer", None),
    (cg.HardWTA(0.1, normalize=None), hard_wta, None, None),
    (cg.SoftHebb(0.1), softhebb(), "layer", 0.5),
    (cg.SoftHebb(0.1, 0.65, rate_power=0.75), softhebb(0.65), "layer", 0.75),
    (cg.SoftHebb(0.1, 2.0, normalize="neuron"), softhebb(2.0), "neuron", 0.5),
    (cg.SoftHebb(0.1, anti=False, normalize=None), softhebb(anti=False), None, 0.5),
    (cg.SoftHebb(0.1, rate_power=None), softhebb(), "layer", None),
    (cg.SoftHebb(0.1, cutoff=0.3), softhebb(cutoff=0.3), "layer", 0.5),
    (cg.SoftHebb(0.1, anti=False, cutoff=0.3), softhebb(anti=False, cutoff=0.3), "layer", 0.5),
]


@pytest.mark.parametrize(("topology", "pre", "post", "end"), WIRINGS, ids=[repr(w[0]) for w in WIRINGS])
@pytest.mark.parametrize(("rule", "signal", "normalize", "rate_power"), RULES, ids=[repr(r[0]) for r in RULES])
def test_a_learning_step_is_the_published_formula(
    rule: cg.Rule, signal: Signal, normalize: str | None, rate_power: float | None,
    topology: Topology, pre: Shape, post: Shape, end: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(7)
    x, w = rng.standard_normal((3, *pre)), rng.standard_normal(topology.n_slots(pre, post))
    circuit = cg.Circuit().add("x", pre).add("y", post, cg.ReLU())
    net = cg.compile(circuit.connect("x", "y", topology, weight=w, rule=rule))
    net.learn(net.step(torch.tensor(x)))
    expected = learned(
        topology, pre, post, end, x, w, signal=signal, learning_rate=rule.learning_rate, normalize=normalize,
        rate_power=rate_power, unit_norm=rule.unit_norm,
    )  # fmt: skip
    assert not np.allclose(expected, w, atol=1e-4)
    np.testing.assert_allclose(net.weights["x->y"].detach().numpy(), expected, rtol=1e-11, atol=1e-12)


def test_softhebb_convolution_is_the_formula_over_padded_pixels() -> None:
    # Without synapse tables: loops over positions and kernel entries of the padded image, and over filters.
    rng, t, rate, power = np.random.default_rng(1), 0.65, 0.08, 0.5
    x, w = rng.standard_normal((2, 2, 4, 5)), rng.standard_normal((3, 3, 3, 2))  # (o, row, column, i): slot order
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    yx, yu = np.zeros_like(w), np.zeros(3)
    for b, r, c in np.ndindex(2, 4, 5):
        patch = padded[b, :, r : r + 3, c : c + 3].transpose(1, 2, 0)
        u = np.array([(w[o] * patch).sum() for o in range(3)])
        y = np.exp(t * u) / np.exp(t * u).sum()
        y = np.where(np.arange(3) == u.argmax(), y, -y)
        for o in range(3):
            yx[o] += y[o] * patch
            yu[o] += y[o] * u[o]
    dw = yx - yu[:, None, None, None] * w
    norms = np.sqrt((w**2).sum((1, 2, 3)))
    expected = w + rate * (abs(norms - 1) ** power)[:, None, None, None] * dw / abs(dw).max()

    circuit = cg.Circuit().add("x", (2, 4, 5))
    circuit = circuit.connect("x", "y", CONV, units=3, weight=w.ravel(), rule=cg.SoftHebb(rate, t))
    net = cg.compile(circuit)
    net.learn(net.step(torch.tensor(x)))
    np.testing.assert_allclose(net.weights["x->y"].detach().numpy().reshape(w.shape), expected, rtol=1e-9, atol=1e-10)
