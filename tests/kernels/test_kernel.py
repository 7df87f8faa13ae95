"""What all kernels share: choice, types, relays, pools, ends."""

import copy
import gc
import itertools
import pickle
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

import circuitgraph as cg
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.kernels import DenseKernel, Ends, Kernel, PoolKernel, Reference, Relay, make_kernel, tune_allocator
from circuitgraph.registry import kernels


@pytest.mark.parametrize(
    ("topology", "pre", "post", "name"),
    [
        (cg.Dense(), (3,), (2,), "dense"),
        (cg.Conv(3), (1, 5), (2, 3), "conv"),
        (cg.Pool(2), (1, 4), (1, 2), "pool"),
        (cg.OneToOne(), (3,), (3,), "relay"),
        (cg.ErdosRenyi(0.1), (8,), (8,), "embedding-bag"),
        (cg.GraphEdges([0], [1]), (1, 2), (1, 2), "graph"),
        (cg.Pruned(cg.Dense(), [0]), (8,), (8,), "embedding-bag"),
        (cg.Pruned(cg.Dense(), range(60)), (8,), (8,), "masked"),
    ],
    ids=repr,
)
def test_small_wiring_gets_the_kernel_that_estimates_the_least_work(
    topology: cg.Topology, pre: cg.ir.Shape, post: cg.ir.Shape, name: str
) -> None:
    assert make_kernel(topology, pre, post).name == name
    assert make_kernel(topology, pre, post, "reference").name == "reference"


def test_a_kernel_that_cannot_is_refused_by_name() -> None:
    with pytest.raises(StructureError, match="kernel 'conv': does not support Dense"):
        make_kernel(cg.Dense(), (3,), (2,), "conv")
    with pytest.raises(UnknownNameError, match="'quantum'"):
        make_kernel(cg.Dense(), (3,), (2,), "quantum")


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_activity_of_an_integer_type_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(NumericError, match=r"call x\.float\(\)"):
        DenseKernel(cg.Dense(), (3,), (2,))(torch.ones(1, 3, dtype=dtype), torch.ones(6))


def test_gradients_of_float32_weights_under_bfloat16_activity_are_float32() -> None:
    w = torch.ones(6, requires_grad=True)
    x = torch.ones(4, 3, dtype=torch.bfloat16, requires_grad=True)
    DenseKernel(cg.Dense(), (3,), (2,))(x, w).sum().backward()
    assert w.grad is not None
    assert w.grad.dtype == torch.float32
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert w.grad.tolist() == [4.0] * 6


def test_second_derivatives_pass_through_a_kernel() -> None:
    kernel = DenseKernel(cg.Dense(), (2,), (2,))
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: kernel(x, w), (x, w))


def test_relays_sum_and_broadcast_with_a_weight_per_unit() -> None:
    x, w = torch.arange(12.0).view(1, 3, 2, 2), torch.tensor([1.0, 10.0, 100.0])
    summed = Relay(cg.Gather(), (3, 2, 2), (1, 2, 2)).push(x, w)
    assert torch.equal(summed, (x * w.view(1, 3, 1, 1)).sum(1, keepdim=True))
    assert torch.equal(Relay(cg.OneToOne(), (3, 2, 2), (3, 2, 2)).push(x, w), x * w.view(1, 3, 1, 1))
    spread = Relay(cg.Spread(), (1, 2, 2), (3, 2, 2))
    assert torch.equal(spread.push(x[:, :1], None), x[:, :1].expand(1, 3, 2, 2))


@pytest.mark.parametrize("how", ["max", "mean"])
def test_pooling_is_torch_pooling_with_its_gradient(how: str) -> None:
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = PoolKernel(cg.Pool(4, 2, 1, how), (3, 6, 6), (3, 3, 3))(x, torch.full((3,), 2.0))
    y.square().sum().backward()
    ours, x.grad = x.grad, None
    pool = F.max_pool2d if how == "max" else F.avg_pool2d
    expected = 2 * pool(x, 4, 2, 1)
    expected.square().sum().backward()
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(ours, x.grad)


def test_among_equals_a_max_pool_hears_the_first() -> None:
    x, g = torch.ones(1, 1, 4), torch.ones(1, 1, 2)
    for kernel in (PoolKernel, Reference):
        pulled = kernel(cg.Pool(2), (1, 4), (1, 2)).pull(g, torch.ones(1), x)
        assert pulled.flatten().tolist() == [1, 0, 1, 0]


def test_kernels_keep_nothing_in_state_dict_and_move_with_the_module() -> None:
    kernel = Reference(cg.Dense(), (2,), (2,))
    assert not kernel.state_dict()
    assert kernel.to(torch.float32).coef.dtype == torch.float32


@pytest.mark.parametrize(
    ("topology", "pre", "post", "end", "size"),
    [
        (cg.Dense(), (3,), (2,), "unit", 2),
        (cg.Dense(), (3,), (2, 2), "neuron", 4),
        (cg.Conv(2), (1, 3), (2, 2), "unit", 2),
        (cg.GraphEdges([0, 1, 2], [2, 2, 0]), (2, 3), (2, 3), "site", 3),
        (cg.Explicit([0, 1], [3, 0]), (2,), (2, 2), "neuron", 4),
        (cg.Gather(), (3, 2), (1, 2), "unit", 1),
    ],
    ids=repr,
)
def test_ends_sum_and_compare_by_postsynaptic_end(
    topology: cg.Topology, pre: cg.ir.Shape, post: cg.ir.Shape, end: str, size: int
) -> None:
    ends, table = Ends(topology, pre, post), topology.slots(pre, post)
    assert (ends.end, ends.size) == (end, size)
    w = torch.randn(len(table), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = torch.randn(5, *post, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sites = g[0].numel() // post[0]
    for m in range(size):
        mine = w[torch.tensor(table.post == m)]
        torch.testing.assert_close(ends.norm(w)[m], mine.square().sum().sqrt())
        torch.testing.assert_close(ends.peak(w)[m], mine.abs().max() if len(mine) else w.new_zeros(()))
        at = {"unit": lambda n: n // sites == m, "site": lambda n: n % sites == m, "neuron": lambda n: n == m}[end]  # noqa: B023
        members = [n for n in range(g[0].numel()) if at(n)]
        torch.testing.assert_close(ends.total(g)[m], g.flatten(1)[:, members].sum())


def test_sums_of_bfloat16_are_kept_in_float32() -> None:
    total = Ends(cg.Dense(), (1,), (1,)).total(torch.ones(1000, 1).bfloat16())
    assert total.dtype == torch.float32
    assert total.item() == 1000


def test_tuning_the_allocator_says_where_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert not tune_allocator()


ENGINES = ("reference", "numba", "numba-tiles", "masked", "embedding-bag", "torch-csr", "edge-index", "triton")


RANDOM = cg.ErdosRenyi(0.2, seed=0)


def engine(name: str, topology: cg.Topology = RANDOM) -> Kernel:
    kind = kernels[name]
    if not kind.present() or (kind.devices and "cpu" not in kind.devices):
        pytest.skip(f"{name} is not here")
    return kind(topology, (60,), (50,))


@pytest.mark.parametrize("batch", [3, 40])
@pytest.mark.parametrize("types", [*itertools.permutations((torch.float32, torch.float64, torch.bfloat16), 2)], ids=str)
@pytest.mark.parametrize("name", ENGINES)
def test_activity_of_two_types_is_paired(name: str, types: tuple[torch.dtype, torch.dtype], batch: int) -> None:
    kernel, rng = engine(name), torch.Generator().manual_seed(0)
    x, g = (torch.randn(batch, n, generator=rng).to(kind) for n, kind in zip((60, 50), types, strict=True))
    expected = engine("reference").pair(x.double(), g.double())
    torch.testing.assert_close(kernel.pair(x, g).double(), expected, rtol=0.02, atol=0.2)


@pytest.mark.parametrize("name", ENGINES)
def test_factors_of_an_update_are_checked_and_become_of_the_type_of_weights(name: str) -> None:
    kernel, rng = engine(name), torch.Generator().manual_seed(0)
    x, g, w = torch.randn(9, 60, generator=rng), torch.randn(9, 50, generator=rng), torch.zeros(kernel.n_weights)
    ends = Ends(kernel.topology, kernel.pre, kernel.post)
    with pytest.raises(ShapeError, match=r"update: gain \(got \(1,\), expected \(50,\)"):
        kernel.update(x, g, w, ends, gain=torch.ones(1))
    with pytest.raises(ShapeError, match="update: decay"):
        kernel.update(x, g, w, ends, gain=torch.ones(50), decay=torch.ones(49))
    kernel.update(x, g, w, ends, gain=torch.ones(50, dtype=torch.float64), shift=torch.zeros(50).double())()
    torch.testing.assert_close(w, kernel.pair(x, g), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_an_update_outlives_its_kernel(name: str) -> None:
    x, g, w = torch.ones(9, 60), torch.ones(9, 50), torch.zeros(engine(name).n_weights)

    def prepared() -> Callable[[], None]:
        kernel = engine(name)
        return kernel.update(x, g, w, Ends(kernel.topology, (60,), (50,)), gain=torch.ones(50))

    commit = prepared()
    gc.collect()
    commit()
    assert w.tolist() == [9.0] * len(w)


@pytest.mark.parametrize("name", ENGINES)
def test_memory_that_ends_leaves_weights_as_they_were(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = torch.randperm(600, generator=torch.Generator().manual_seed(0)).numpy()
    kernel = engine(name, cg.Explicit(order % 60, order // 60))
    ends, w = Ends(kernel.topology, (60,), (50,)), torch.ones(600)
    commit = kernel.update(torch.ones(9, 60), torch.ones(9, 50), w, ends, gain=torch.ones(50), unit_norm=True)
    assert w.tolist() == [1.0] * 600
    monkeypatch.setattr(Ends, "norm", lambda *_: pytest.fail("memory is taken after weights have changed"))
    commit()
    monkeypatch.undo()
    torch.testing.assert_close(ends.norm(w)[:10], torch.ones(10))


@pytest.mark.parametrize("name", ENGINES)
def test_kernels_are_pickled_and_copied(name: str) -> None:
    kernel = engine(name)
    x, w = torch.ones(5, 60), torch.arange(float(kernel.n_weights))
    for again in (pickle.loads(pickle.dumps(kernel)), copy.deepcopy(kernel)):
        assert torch.equal(again.push(x, w), kernel.push(x, w))
