"""Random wiring, graphs and pruned wiring against the reference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.kernels import EmbeddingBag, GraphKernel, Kernel, Masked, Reference, rows


@st.composite
def wirings(draw: st.DrawFn) -> tuple[cg.Explicit, int, int]:
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, m - 1)), unique=True, max_size=20))
    return cg.Explicit([i for i, _ in pairs], [j for _, j in pairs]), n, m


def compare(ours: Kernel, reference: Kernel, batch: int, dtype: torch.dtype, tolerance: float) -> None:
    rng = torch.Generator().manual_seed(batch)
    x = torch.randn(batch, *ours.pre, generator=rng, dtype=torch.float64).to(dtype)
    g = torch.randn(batch, *ours.post, generator=rng, dtype=torch.float64).to(dtype)
    n_slots = ours.topology.n_slots(ours.pre, ours.post)
    w = torch.randn(n_slots, generator=rng, dtype=torch.float64).to(dtype)
    for method, args in (("push", (x, w)), ("pull", (g, w, x)), ("pair", (x, g))):
        got, expected = getattr(ours, method)(*args), getattr(reference, method)(*(a.double() for a in args))
        assert got.dtype == dtype
        torch.testing.assert_close(got.double(), expected, rtol=0, atol=tolerance, msg=lambda m, n=method: f"{n}: {m}")


@given(wirings(), st.sampled_from([0, 1, 4]))
@settings(max_examples=60, deadline=None)
def test_any_wiring_equals_the_reference(wiring: tuple[cg.Explicit, int, int], batch: int) -> None:
    topology, n, m = wiring
    ours, reference = EmbeddingBag(topology, (n,), (m,)), Reference(topology, (n,), (m,))
    compare(ours, reference, batch, torch.float64, 1e-12)
    fan_in = max(1, len(topology.pre))
    compare(ours, reference, batch, torch.float32, 2e-6 * fan_in**0.5)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), unique=True, max_size=12), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_any_graph_equals_the_reference(edges: list[tuple[int, int]], units: int) -> None:
    topology = cg.GraphEdges([i for i, _ in edges], [j for _, j in edges])
    ours, reference = (k(topology, (units, 5), (units, 5)) for k in (GraphKernel, Reference))
    for batch in (0, 1, 3):
        compare(ours, reference, batch, torch.float64, 1e-12)


@given(st.sets(st.integers(0, 53)))
@settings(max_examples=25, deadline=None)
def test_any_pruned_convolution_equals_the_reference(keep: set[int]) -> None:
    topology = cg.Pruned(cg.Conv(3, padding=1, mode="reflect"), sorted(keep))
    ours, reference = (k(topology, (2, 3, 4), (3, 3, 4)) for k in (Masked, Reference))
    compare(ours, reference, 2, torch.float64, 1e-12)


def test_pairing_that_is_differentiated_again_is_the_same_in_chunks_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = GraphKernel(cg.GraphEdges([0, 3, 1, 2, 3], [1, 1, 0, 4, 2]), (2, 5), (2, 5))
    x, g = (torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (9, 8))
    whole = kernel.pair(x, g)
    for chunk in (1, 13, 100):
        monkeypatch.setattr(rows, "CHUNK", chunk)
        torch.testing.assert_close(kernel.pair(x.requires_grad_(), g).detach(), whole)
    assert torch.autograd.gradcheck(kernel.pair, (x, g))


def test_many_inputs_in_bfloat16_lose_no_more_than_one_rounding() -> None:
    n = 4000
    kernel = EmbeddingBag(cg.Dense(), (n,), (2,))
    x, w = torch.rand(3, n, generator=torch.Generator().manual_seed(0)).bfloat16(), torch.full((2 * n,), 0.5)
    y = kernel.push(x, w)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.double(), kernel.push(x.double(), w.double()), rtol=2**-8, atol=0)


def test_coefficients_count_in_every_direction() -> None:
    # An average over a window of which half lies beyond the border: one synapse a slot, with coefficient 1/2.
    wiring = cg.Pool(2, 2, 1, "mean"), (3, 1), (3, 1)
    assert wiring[0].synapses(*wiring[1:]).coef.tolist() == [0.5, 0.5, 0.5]
    compare(EmbeddingBag(*wiring), Reference(*wiring), 2, torch.float64, 1e-12)


def test_the_order_of_pairs_is_the_order_of_weights() -> None:
    kernel = EmbeddingBag(cg.Explicit([1, 0], [0, 0]), (2,), (1,))
    x = torch.tensor([[1.0, 10.0]])
    assert kernel.push(x, torch.tensor([2.0, 3.0])).item() == 23.0
    assert kernel.pair(x, torch.ones(1, 1)).tolist() == [10.0, 1.0]


def test_regular_wiring_is_left_to_its_own_kernels() -> None:
    edges = [0, 1], [1, 0]
    assert not EmbeddingBag.supports(cg.Conv(3), (1, 5), (1, 3))
    assert not EmbeddingBag.supports(cg.GraphEdges(*edges), (1, 2), (1, 2))
    assert not EmbeddingBag.supports(cg.Pool(2, how="mean"), (1, 4), (1, 2))
    assert EmbeddingBag.supports(cg.ErdosRenyi(0.5), (4,), (4,))
    assert np.isclose(EmbeddingBag.cost(cg.Dense(), (4,), (4,)), 40)
