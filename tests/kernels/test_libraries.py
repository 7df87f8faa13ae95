"""Engines of other libraries behind the contract: any wiring, any order of slots, either layout of activity."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.errors import StructureError
from circuitgraph.kernels import (
    EdgeIndexKernel,
    EmbeddingBag,
    Kernel,
    Reference,
    TorchCsr,
    TorchSparse,
    make_kernel,
    rows,
)
from circuitgraph.kernels.rows import RowKernel

HERE: list[type[RowKernel]] = [k for k in (EmbeddingBag, TorchCsr, TorchSparse, EdgeIndexKernel) if k.present()]


@st.composite
def wirings(draw: st.DrawFn) -> tuple[cg.Explicit, int, int]:
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, m - 1)), unique=True, max_size=20))
    return cg.Explicit([i for i, _ in pairs], [j for _, j in pairs]), n, m


def results(kernel: Kernel, batch: int, *, neuron_major: bool = False) -> list[Tensor]:
    rng = torch.Generator().manual_seed(batch)
    x, g = (torch.randn(batch, *s, generator=rng, dtype=torch.float64) for s in (kernel.pre, kernel.post))
    w = torch.randn(kernel.topology.n_slots(kernel.pre, kernel.post), generator=rng, dtype=torch.float64)
    if neuron_major:
        x, g = (a.flatten(1).t().contiguous().t().view_as(a) for a in (x, g))
    return [kernel.push(x, w), kernel.pull(g, w), kernel.pair(x, g)]


@pytest.mark.parametrize("kernel", HERE, ids=lambda k: k.name)
@given(wiring=wirings(), batch=st.sampled_from([0, 1, 4]), neuron_major=st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_wiring_equals_the_reference_in_either_layout(
    kernel: type[Kernel], wiring: tuple[cg.Explicit, int, int], batch: int, neuron_major: bool
) -> None:
    topology, n, m = wiring
    ours, reference = (k(topology, (n,), (m,)) for k in (kernel, Reference))
    for got, expected in zip(results(ours, batch, neuron_major=neuron_major), results(reference, batch), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", HERE, ids=lambda k: k.name)
def test_what_comes_back_is_neuron_major_so_that_the_next_projection_copies_nothing(kernel: type[RowKernel]) -> None:
    seen: list[int] = []

    class Spy(kernel):  # type: ignore[misc, valid-type]
        def sum(self, x: Tensor, factor: Tensor, onto: str) -> Tensor:
            assert x.is_contiguous()
            seen.append(x.data_ptr())
            return super().sum(x, factor, onto)

    wiring = cg.ErdosRenyi(0.5), (2, 3), (2, 3)
    ours, w = Spy(*wiring), torch.ones(wiring[0].n_slots(*wiring[1:]))
    y = ours.push(torch.ones(6, 4).t().view(4, 2, 3), w)
    assert y.flatten(1).t().is_contiguous()
    ours.push(y, w)
    assert seen[-1] == y.data_ptr()


@pytest.mark.parametrize("kernel", HERE, ids=lambda k: k.name)
def test_weights_in_another_order_than_rows_are_taken_by_slot(kernel: type[Kernel]) -> None:
    ours = kernel(cg.Explicit([1, 0, 1], [1, 0, 0]), (2,), (2,))
    x, w = torch.tensor([[1.0, 10.0]]), torch.tensor([2.0, 3.0, 4.0])
    assert ours.push(x, w).tolist() == [[43.0, 20.0]]
    assert ours.pull(x, w).tolist() == [[3.0, 24.0]]
    assert ours.pair(x, x).tolist() == [100.0, 1.0, 10.0]


@pytest.mark.parametrize("kernel", HERE, ids=lambda k: k.name)
def test_a_kernel_that_was_used_can_be_copied_and_pickled(kernel: type[Kernel]) -> None:
    ours = kernel(cg.ErdosRenyi(0.5), (4,), (4,))
    expected = results(ours, 3)
    for again in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        for got, before in zip(results(again, 3), expected, strict=True):
            assert torch.equal(got, before)


@pytest.mark.parametrize("kernel", HERE, ids=lambda k: k.name)
def test_two_layers_train_as_dense_ones_with_masks_do(kernel: type[Kernel]) -> None:
    circuit = (
        cg.Circuit()
        .add("x", 6)
        .connect("x", "h", cg.ErdosRenyi(0.5), units=5, neuron=cg.ReLU())
        .connect("h", "y", cg.ErdosRenyi(0.6), units=3)
    )
    nets = [cg.compile(circuit, kernels=dict.fromkeys(("x->h", "h->y"), name)) for name in (kernel.name, "reference")]
    x = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
    for net in nets:
        output = net(x)
        assert isinstance(output, Tensor)
        output.square().sum().backward()
    for ours, expected in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad)


def test_an_engine_that_is_not_installed_is_refused_by_name_and_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TorchSparse, "present", classmethod(lambda cls: False))
    with pytest.raises(StructureError, match="'torch-sparse': what it needs is not installed"):
        make_kernel(cg.ErdosRenyi(0.5), (4,), (4,), "torch-sparse")
    assert "torch-sparse" in registry.kernels


def test_long_lists_are_ordered_by_counting_as_by_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, 50, 400), rng.integers(0, 70, 400)
    compared = rows._order(post, pre)
    monkeypatch.setattr(rows, "LARGE", 10)
    counted = rows._order(post, pre)
    assert compared is not None
    assert counted is not None
    assert np.array_equal(counted, compared)
