"""Subspace, Sanger and covariance against loops over samples and synapses, and what they converge to."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.rules import StrongestWinners, Whitening

Row = list[float]


def meet(wiring: Any, j: int, other: int) -> bool:
    """Tell whether two neurons share input: units at one site, sites of one unit, or those with own slots."""
    if wiring.end == "neuron":
        return True
    divide = (lambda n: n % wiring.n_sites) if wiring.end == "unit" else (lambda n: n // wiring.n_sites)
    return bool(divide(j) == divide(other))


def explained(wiring: Any, y: Row, w: Row, *, ordered: bool) -> Row:
    """Add up, for every slot, what the neurons around explain of the input that it hears."""
    shared: dict[tuple[int, int], float] = {}
    for j in range(wiring.n_post):
        for other in (n for n in range(wiring.n_post) if meet(wiring, j, n)):
            pair = wiring.end_of(j), wiring.end_of(other)
            shared[pair] = shared.get(pair, 0.0) + y[j] * y[other]
    out = []
    for slot, end in enumerate(wiring.end_of_slot):
        same = (m for m in range(len(w)) if wiring.hears[m] == wiring.hears[slot])
        others = ((wiring.end_of_slot[m], w[m]) for m in same)
        out.append(sum(shared[end, other] * weight for other, weight in others if not ordered or other <= end))
    return out


@pytest.mark.parametrize(
    "how", [{}, {"normalize": "layer"}, {"normalize": "activity"}, {"unit_norm": True, "presynaptic": "lp"}], ids=str
)
@pytest.mark.parametrize("make", [cg.Subspace, cg.Sanger])
def test_units_take_away_what_others_explain_of_the_input(wiring: Any, make: Any, how: dict[str, Any]) -> None:
    rule = make(0.01, **how)
    batches, w = wiring.start()
    expected = w.tolist()
    for batch, (learned, _) in zip(batches, wiring.taught(rule, batches, w), strict=True):
        before, samples, dw = expected, batch.reshape(len(batch), -1).tolist(), np.zeros(len(w))
        ys = [[max(a, 0.0) for a in wiring.current(before, sample)] for sample in samples]
        for sample, y in zip(samples, ys, strict=True):
            dw += np.subtract(wiring.met(sample, y), explained(wiring, y, before, ordered=make is cg.Sanger))
        expected = wiring.applied(before, dw.tolist(), rule, ys)
        np.testing.assert_allclose(learned, expected, rtol=1e-9, atol=1e-10)
    assert not np.allclose(expected, w, atol=1e-4)


@pytest.mark.parametrize("normalize", ["activity", None])
def test_whitening_takes_away_all_but_unit_variance(wiring: Any, normalize: Any) -> None:
    rule = Whitening(0.01, normalize=normalize)
    batches, w = wiring.start()
    expected = w.tolist()
    for batch, (learned, _) in zip(batches, wiring.taught(rule, batches, w), strict=True):
        before, samples, dw = expected, batch.reshape(len(batch), -1).tolist(), np.zeros(len(w))
        size = [len(wiring.neurons_of(end)) for end in wiring.end_of_slot]
        for sample in samples:
            y = [max(a, 0.0) for a in wiring.current(before, sample)]
            dw += np.subtract(np.multiply(before, size), explained(wiring, y, before, ordered=False))
        expected = wiring.applied(before, dw.tolist(), rule, [[1.0] * wiring.n_post] * len(samples))
        np.testing.assert_allclose(learned, expected, rtol=1e-9, atol=1e-10)
    assert not np.allclose(expected, w, atol=1e-4)


@pytest.mark.parametrize("momentum", [0.1, 1.0])
@pytest.mark.parametrize("how", [{}, {"normalize": "neuron", "unit_norm": True}, {"sparsity": 0.3}], ids=str)
def test_covariance_counts_from_the_running_mean(wiring: Any, momentum: float, how: dict[str, Any]) -> None:
    rule = cg.Covariance(0.05, momentum, **how)
    batches, w = wiring.start()
    expected, mean = w.tolist(), [0.0] * wiring.post[0]
    for batch, (learned, kept) in zip(batches, wiring.taught(rule, batches, w), strict=True):
        before, samples = expected, batch.reshape(len(batch), -1).tolist()
        ys = [[max(a, 0.0) for a in wiring.current(before, sample)] for sample in samples]
        meets = [[a - mean[j // wiring.n_sites] for j, a in enumerate(y)] for y in ys]
        dw = wiring.moved(samples, meets, [[0.0] * wiring.n_post] * len(ys), before)
        expected = wiring.applied(before, dw, rule, meets)
        for unit in range(wiring.post[0]):
            mine = [y[j] for y in ys for j in range(unit * wiring.n_sites, (unit + 1) * wiring.n_sites)]
            mean[unit] += momentum * (sum(mine) / len(mine) - mean[unit])
        np.testing.assert_allclose(learned, expected, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(kept["mean"], mean, rtol=1e-12)


@pytest.mark.parametrize("how", [{}, {"normalize": "activity", "unit_norm": True}], ids=str)
def test_covariance_of_winners_leaves_units_alone_that_never_win(wiring: Any, how: dict[str, Any]) -> None:
    rule = cg.Covariance(0.05, 0.2, winners=StrongestWinners(), **how)
    batches, w = wiring.start()
    n, sites = wiring.n_post, wiring.n_sites
    expected, mean = w.tolist(), [0.0] * wiring.post[0]
    for batch, (learned, kept) in zip(batches, wiring.taught(rule, batches, w), strict=True):
        before, samples = expected, batch.reshape(len(batch), -1).tolist()
        ys = [[max(a, 0.0) for a in wiring.current(before, sample)] for sample in samples]
        won = [[y[j] if y[j] == max(y[j % sites :: sites]) else 0.0 for j in range(n)] for y in ys]
        active = [any(y[j] for y in won for j in range(u * sites, (u + 1) * sites)) for u in range(wiring.post[0])]
        meets = [[(a - mean[j // sites]) * active[j // sites] for j, a in enumerate(y)] for y in won]
        dw = wiring.moved(samples, meets, [[0.0] * n] * len(ys), before)
        expected = wiring.applied(before, dw, rule, meets)
        for unit in range(wiring.post[0]):
            mine = [y[j] for y in won for j in range(unit * sites, (unit + 1) * sites)]
            mean[unit] += 0.2 * (sum(mine) / len(mine) - mean[unit])
        np.testing.assert_allclose(learned, expected, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(kept["mean"], mean, rtol=1e-12)
    assert not np.allclose(expected, w, atol=1e-4)


def gaussian(n: int = 400) -> Tensor:
    """Draw samples whose principal components are known and apart, on turned axes."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(n, 5, generator=rng, dtype=torch.float64) * torch.tensor([2.0, 1.4, 1.0, 0.4, 0.2])
    return x @ torch.linalg.qr(torch.randn(5, 5, generator=rng, dtype=torch.float64))[0]


def rows_after(rule: cg.Rule, x: Tensor, passes: int = 600) -> Tensor:
    circuit = cg.Circuit().add("x", 5).connect("x", "y", cg.Dense(), units=3, rule=rule)
    net = cg.compile(circuit, dtype=torch.float64)
    for _ in range(passes):
        net.learn(net.step(x))
    return net.weights["x->y"].detach().view(3, 5)


def test_sanger_finds_principal_components_in_order() -> None:
    x = gaussian()
    found = rows_after(cg.Sanger(2e-4), x) @ torch.linalg.svd(x, full_matrices=False)[2].T
    torch.testing.assert_close(found[:, :3].abs(), torch.eye(3, dtype=torch.float64), atol=1e-3, rtol=0)


def test_subspace_spans_what_the_first_principal_components_span_and_not_their_axes() -> None:
    x = gaussian()
    w, axes = rows_after(cg.Subspace(2e-4), x), torch.linalg.svd(x, full_matrices=False)[2][:3]
    torch.testing.assert_close(w @ w.T, torch.eye(3, dtype=torch.float64), atol=1e-3, rtol=0)
    torch.testing.assert_close(w.T @ w, axes.T @ axes, atol=1e-3, rtol=0)
    assert (w @ axes.T).abs().max() < 0.99  # Sanger's finds the axes themselves


def test_whitening_comes_to_unit_variance_without_correlations_as_near_to_its_input_as_it_can() -> None:
    x = gaussian()
    circuit = cg.Circuit().add("x", 5)
    rule, law = Whitening(0.05), cg.Dense()
    net = cg.compile(circuit.connect("x", "y", law, units=5, weight=np.eye(5).ravel(), rule=rule), dtype=torch.float64)
    for _ in range(1500):
        net.learn(net.step(x))
    w, covariance = net.weights["x->y"].detach().view(5, 5), x.T @ x / len(x)
    torch.testing.assert_close(w @ covariance @ w.T, torch.eye(5, dtype=torch.float64), atol=1e-4, rtol=0)
    values, vectors = torch.linalg.eigh(covariance)
    nearest = vectors @ torch.diag(values.rsqrt()) @ vectors.T  # symmetric: ZCA
    torch.testing.assert_close(w, nearest, atol=1e-2, rtol=0)


def test_covariance_ignores_what_is_constant_and_grows_with_what_varies_together() -> None:
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(4000, 2, generator=rng, dtype=torch.float64) * torch.tensor([1.0, 0.0]) + 3
    circuit = cg.Circuit().add("x", 2)
    rule = cg.Covariance(1 / 4000, 1.0)
    net = cg.compile(circuit.connect("x", "y", cg.Dense(), units=1, weight=[1.0, 0.0], rule=rule), dtype=torch.float64)
    net.learn(net.step(x), scale=0.0)  # only the mean, 3
    net.learn(net.step(x))
    varies, constant = net.weights["x->y"].tolist()
    assert varies == pytest.approx(1 + float(x[:, 0].var(correction=0)), abs=1e-9)
    assert constant == pytest.approx(0, abs=1e-9)
