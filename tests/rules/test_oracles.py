"""Rules of one line against loops over samples and synapses, straight from the published formula, in float64."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import circuitgraph as cg

Row = list[float]
Signal = Callable[[Row, Row], tuple[Row, Row]]
"""From the inputs u and outputs y of rivals at one site: what meets x, and what decays the weight."""


def hebb(u: Row, y: Row) -> tuple[Row, Row]:
    return y, [0.0 for _ in y]


def oja(u: Row, y: Row) -> tuple[Row, Row]:
    return y, [a**2 for a in y]


def instar(u: Row, y: Row) -> tuple[Row, Row]:
    return y, y


def softhebb(t_invert: float = 1.0, anti: bool = True, cutoff: float = 0.0) -> Signal:
    def signal(u: Row, y: Row) -> tuple[Row, Row]:
        total = sum(math.exp(t_invert * a) for a in u)
        winner = u.index(max(u))
        share = [math.exp(t_invert * a) / total for a in u]
        for i in range(len(u)):
            if i != winner and share[i] < cutoff:
                share[i] = 0.0
            if i != winner and anti:
                share[i] = -share[i]
        return share, [a * b for a, b in zip(share, u, strict=True)]

    return signal


RULES = [
    (cg.Hebb(0.1), hebb, None),
    (cg.Hebb(-0.1, normalize="layer"), hebb, None),
    (cg.Hebb(0.1, normalize="neuron"), hebb, None),
    (cg.Hebb(0.1, presynaptic="lp"), hebb, None),
    (cg.Hebb(0.1, presynaptic="softmax", normalize="layer"), hebb, None),
    (cg.Hebb(0.1, sparsity=0.4), hebb, None),
    (cg.Hebb(0.1, alpha=0.3), hebb, None),
    (cg.Hebb(0.1, normalize="activity"), hebb, None),
    (cg.Oja(0.1), oja, None),
    (cg.Oja(0.1, normalize="activity", presynaptic="lp"), oja, None),
    (cg.Oja(0.1, normalize="neuron"), oja, None),
    (cg.Oja(0.1, unit_norm=True), oja, None),
    (cg.Oja(0.1, presynaptic="softmax", unit_norm=True), oja, None),
    (cg.Oja(0.1, presynaptic="lp", sparsity=0.5, normalize="neuron", alpha=0.5), oja, None),
    (cg.Instar(0.1), instar, None),
    (cg.Instar(0.1, normalize="layer"), instar, None),
    (cg.Instar(0.1, sparsity=0.0, normalize="layer"), instar, None),
    (cg.SoftHebb(0.1), softhebb(), 0.5),
    (cg.SoftHebb(0.1, unit_norm=True), softhebb(), 0.5),
    (cg.SoftHebb(0.1, 0.65, rate_power=0.75), softhebb(0.65), 0.75),
    (cg.SoftHebb(0.1, 2.0, normalize="neuron"), softhebb(2.0), 0.5),
    (cg.SoftHebb(0.01, anti=False, normalize=None), softhebb(anti=False), 0.5),
    (cg.SoftHebb(0.1, rate_power=None), softhebb(), None),
    (cg.SoftHebb(0.1, cutoff=0.3), softhebb(cutoff=0.3), 0.5),
    (cg.SoftHebb(0.1, anti=False, cutoff=0.3), softhebb(anti=False, cutoff=0.3), 0.5),
    (cg.SoftHebb(0.1, normalize="activity", unit_norm=True), softhebb(), 0.5),
    (cg.SoftHebb(0.1, presynaptic="lp", sparsity=0.7), softhebb(), 0.5),
]


@pytest.mark.parametrize(("rule", "signal", "rate_power"), RULES, ids=[repr(r[0]) for r in RULES])
def test_a_learning_step_is_the_published_formula(
    wiring: Any, rule: cg.Rule, signal: Signal, rate_power: float | None
) -> None:
    batches, w = wiring.start()
    expected = w.tolist()
    for batch, (learned, _) in zip(batches, wiring.taught(rule, batches, w), strict=True):
        samples, meets, decays = batch.reshape(len(batch), -1).tolist(), [], []
        for sample in samples:
            u, meet, decay = wiring.current(expected, sample), [0.0] * wiring.n_post, [0.0] * wiring.n_post
            for rivals in wiring.rivals:
                at_site = [u[j] for j in rivals]
                for j, a, b in zip(rivals, *signal(at_site, [max(a, 0.0) for a in at_site]), strict=True):
                    meet[j], decay[j] = a, b
            meets.append(meet)
            decays.append(decay)
        before = expected
        expected = wiring.applied(before, wiring.moved(samples, meets, decays, before), rule, meets, rate_power)
        np.testing.assert_allclose(learned, expected, rtol=1e-10, atol=1e-11)
    assert not np.allclose(expected, w, atol=1e-4)


def test_arguments_have_the_defaults_of_the_publications() -> None:
    for make in (cg.Hebb, cg.Oja, cg.Instar, cg.SoftHebb, cg.HardWTA, cg.KrotovHopfield, cg.BCM, cg.Subspace):
        rule = make(0.1)
        assert (rule.presynaptic, rule.sparsity, rule.alpha) == (None, None, 1.0)
        assert rule.normalize == ("layer" if make in (cg.SoftHebb, cg.HardWTA, cg.KrotovHopfield, cg.BCM) else None)
        assert rule.unit_norm is (make is cg.BCM)


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
    law = cg.Conv(3, padding=1, mode="reflect")
    net = cg.compile(circuit.connect("x", "y", law, units=3, weight=w.ravel(), rule=cg.SoftHebb(rate, t)))
    net.learn(net.step(torch.tensor(x)))
    np.testing.assert_allclose(net.weights["x->y"].detach().numpy().reshape(w.shape), expected, rtol=1e-9, atol=1e-10)
