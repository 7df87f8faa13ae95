"""Engines in Triton against the reference: on a GPU where there is one, else interpreted on the CPU."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import circuitgraph as cg
from circuitgraph import registry, testing
from circuitgraph.errors import StructureError
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import Ends, Kernel, Reference, TritonBlocks, TritonRows, triton_blocks, triton_launch
from circuitgraph.kernels.triton_blocks import allows_tf32, find_tiling
from circuitgraph.kernels.triton_launch import DEVICES, INTERPRETED, Launch, batch_first, neuron_major, tile

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
Wiring = tuple[Topology, Shape, Shape]

runs = pytest.mark.skipif(
    not TritonRows.present() or DEVICE not in DEVICES, reason="needs triton, and a GPU or TRITON_INTERPRET=1"
)
interpreted = pytest.mark.skipif(not INTERPRETED or not TritonRows.present(), reason="looks into Triton's interpreter")

HUB: Wiring = cg.Explicit([*range(40), 3, 9], [2] * 40 + [0, 7]), (40,), (9,)
SHUFFLED: Wiring = cg.Explicit([2, 0, 1, 0, 4], [0, 1, 0, 0, 5]), (5,), (3, 2)
MANY_SITES: Wiring = cg.Pruned(cg.Conv(3, padding=1), [0, 2, 3]), (1, 2), (2, 2)
SHARED: Wiring = cg.Pruned(cg.Conv(3, padding=1, mode="reflect"), [0, 4, 5, 17]), (2, 5), (3, 5)
ONE_FEATURE: Wiring = cg.GraphEdges([0, 1, 2, 2], [1, 0, 3, 0]), (1, 4), (1, 4)
FEATURES: Wiring = cg.GraphEdges([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (2, 4)
NORMED: Wiring = cg.GraphConv([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (3, 4)
HALVES: Wiring = cg.Pool(2, 2, 1, "mean"), (3, 1), (3, 1)
ROWS = [HUB, SHUFFLED, MANY_SITES, SHARED, ONE_FEATURE, FEATURES, NORMED, HALVES]


def communities(sides: list[tuple[int, int]], post: int, pre: int, fill: float = 0.7, seed: int = 0) -> Wiring:
    """Fill blocks of (post, pre) neurons down the diagonal, and list them in a random order."""
    rng, matrix, at = np.random.default_rng(seed), np.zeros((post, pre), bool), (0, 0)
    for tall, broad in sides:
        matrix[at[0] : at[0] + tall, at[1] : at[1] + broad] = rng.random((tall, broad)) < fill
        at = at[0] + tall, at[1] + broad
    at_post, at_pre = rng.permutation(np.argwhere(matrix)).T
    return cg.Explicit(at_pre, at_post), (pre,), (post,)


SQUARE = communities([(32, 32), (32, 32), (32, 32)], 96, 96)
RAGGED = communities([(20, 30), (0, 36), (20, 34)], 40, 100)
BLOCKS = [SQUARE, RAGGED]


def operands(wiring: Wiring, batch: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(t.to(DEVICE) for t in testing._operands(*wiring, batch, dtype))  # type: ignore[return-value]


def compare(kernel: type[Kernel], wiring: Wiring, batch: int, dtype: torch.dtype = torch.float64) -> Kernel:
    """Compare all methods with the reference, on activity that is contiguous and that is not."""
    ours, reference = kernel(*wiring).to(DEVICE), Reference(*wiring).to(DEVICE)
    testing._check_methods(ours, reference, *operands(wiring, batch, dtype))
    return ours


@st.composite
def wirings(draw: st.DrawFn) -> Wiring:
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, m - 1)), unique=True, max_size=20))
    return cg.Explicit([i for i, _ in pairs], [j for _, j in pairs]), (n,), (m,)


def examples(kernel: type[Kernel]) -> list[Wiring]:
    every = [e for n in registry.topologies for e in registry.topologies[n].examples()]
    return [e for e in every if kernel.supports(*e)]


@runs
@pytest.mark.parametrize("wiring", examples(TritonRows), ids=lambda w: repr(w[0]))
def test_rows_equal_the_reference_on_all_examples(wiring: Wiring) -> None:
    compare(TritonRows, wiring, 3)


@runs
@pytest.mark.parametrize("wiring", ROWS, ids=lambda w: repr(w[0]))
@pytest.mark.parametrize("dtype", testing.TOLERANCES, ids=str)
def test_rows_equal_the_reference_with_hubs_shared_slots_and_coefficients(wiring: Wiring, dtype: torch.dtype) -> None:
    compare(TritonRows, wiring, 2, dtype)


@runs
@given(wirings(), st.sampled_from([0, 1, 2, 3, 5]), st.sampled_from([*testing.TOLERANCES, torch.float16]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_wiring_equals_the_reference(wiring: Wiring, batch: int, dtype: torch.dtype) -> None:
    if dtype == torch.float16:
        x, w, g = operands(wiring, batch, dtype)
        ours, reference = TritonRows(*wiring).to(DEVICE), Reference(*wiring).to(DEVICE)
        torch.testing.assert_close(ours.push(x, w), reference.push(x, w), rtol=2e-3, atol=2e-2)
        torch.testing.assert_close(ours.pair(x, g), reference.pair(x, g), rtol=2e-3, atol=2e-2)
    else:
        compare(TritonRows, wiring, batch, dtype)


@runs
@given(st.sets(st.integers(0, 53)))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_any_pruned_convolution_equals_the_reference(keep: set[int]) -> None:
    pruned = cg.Pruned(cg.Conv(3, padding=1, mode="reflect"), sorted(keep))
    compare(TritonRows, (pruned, (2, 3, 4), (3, 3, 4)), 2)


@interpreted
@pytest.mark.parametrize("wiring", [SHUFFLED, HALVES, ONE_FEATURE], ids=lambda w: repr(w[0]))
def test_rows_keep_the_contract_of_kernels(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TritonRows, "supports", classmethod(lambda *_: True))
    testing.check_kernel(TritonRows, *wiring)


@runs
@pytest.mark.parametrize("wiring", [HUB, SHARED], ids=lambda w: repr(w[0]))
def test_work_is_cut_alike_whatever_its_parts(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    for programs, products in ((1, 8), (4, 2048), (1000, 8)):
        monkeypatch.setattr(triton_launch, "PROGRAMS", programs)
        monkeypatch.setattr(triton_launch, "TILE", products)
        compare(TritonRows, wiring, 5)


@runs
def test_long_rows_start_first() -> None:
    index = TritonRows(*HUB).by_post
    assert index.order is not None
    assert index.order.tolist() == [2, 0, 7, 1, 3, 4, 5, 6, 8]
    assert TritonRows(*SHUFFLED).by_post.order is None


@runs
def test_the_index_of_the_way_back_is_made_when_it_is_needed_and_never_saved() -> None:
    kernel = TritonRows(*SHUFFLED).to(DEVICE)
    x, w, g = operands(SHUFFLED, 2)
    kernel.push(x, w)
    assert kernel.by_pre is None
    kernel.pull(g, w)
    assert kernel.by_pre is not None
    assert not kernel.state_dict()
    assert {b.dtype for b in kernel.buffers()} == {torch.int32}


@runs
def test_activity_that_lies_neuron_after_neuron_is_not_copied() -> None:
    for shape in ((6,), (3, 2)):
        x = torch.rand(6, 4).t().view(4, *shape)
        assert neuron_major(x).data_ptr() == x.data_ptr()
    x, w, _ = operands(SHUFFLED, 4)
    y = TritonRows(*SHUFFLED).to(DEVICE).push(x, w)
    assert y.shape == (4, 3, 2)
    assert y.flatten(1).t().is_contiguous()
    assert torch.equal(batch_first(neuron_major(y), (3, 2)), y)


@runs
def test_weights_of_one_need_not_be_given() -> None:
    x, w, _ = operands(SHUFFLED, 4)
    kernel = TritonRows(*SHUFFLED).to(DEVICE)
    assert torch.equal(kernel.push(x, None), kernel.push(x, torch.ones_like(w)))


RATES = [("decay", "shift"), ("decay",), ("shift",), ()]


def updates(kernel: type[Kernel], wiring: Wiring, names: tuple[str, ...], unit_norm: bool, batch: int) -> None:
    """Compare a local change by a kernel with the base class's, on the reference."""
    x, w, g = operands(wiring, batch)
    ours, reference, ends = kernel(*wiring).to(DEVICE), Reference(*wiring).to(DEVICE), Ends(*wiring).to(DEVICE)
    rng = torch.Generator().manual_seed(1)
    rates = {n: torch.randn(ends.size, generator=rng, dtype=torch.float64).to(DEVICE) for n in ("gain", *names)}
    expected, version = w.clone(), w._version
    reference.update(x, g, expected, ends, **rates, unit_norm=unit_norm)()
    change = ours.update(x, g, w, ends, **rates, unit_norm=unit_norm)
    before = w.clone()
    assert torch.equal(w, before)
    change()
    torch.testing.assert_close(w, expected, rtol=1e-10, atol=1e-10)
    assert w._version > version


@runs
@pytest.mark.parametrize("wiring", ROWS, ids=lambda w: repr(w[0]))
@pytest.mark.parametrize("unit_norm", [False, True])
def test_a_local_change_in_one_pass_is_the_change_in_steps(wiring: Wiring, unit_norm: bool) -> None:
    for names, batch in zip(RATES, (3, 1, 0, 3), strict=True):
        updates(TritonRows, wiring, names, unit_norm, batch)


@runs
@pytest.mark.parametrize("wiring", BLOCKS, ids=["square", "ragged"])
@pytest.mark.parametrize("unit_norm", [False, True])
def test_a_local_change_by_tiles_is_the_change_in_steps(wiring: Wiring, unit_norm: bool) -> None:
    for names, batch in zip(RATES, (3, 17, 0, 1), strict=True):
        updates(TritonBlocks, wiring, names, unit_norm, batch)


@runs
def test_silent_weights_stay_silent_under_unit_norm() -> None:
    x, w, g = (torch.zeros_like(t) for t in operands(SHUFFLED, 2))
    ends = Ends(*SHUFFLED).to(DEVICE)
    TritonRows(*SHUFFLED).to(DEVICE).update(x, g, w, ends, gain=w.new_ones(ends.size), unit_norm=True)()
    assert torch.equal(w, torch.zeros_like(w))


@runs
@pytest.mark.parametrize("kernel", [TritonRows, TritonBlocks])
def test_narrow_activity_changes_wide_weights(kernel: type[Kernel]) -> None:
    wiring = SQUARE
    ends, ours, reference = Ends(*wiring).to(DEVICE), kernel(*wiring).to(DEVICE), Reference(*wiring).to(DEVICE)
    for narrow, kind in ((torch.bfloat16, torch.float32), (torch.float32, torch.float64)):
        x, w, g = (t.to(narrow) for t in operands(wiring, 2))
        w, gain = w.to(kind) + 1e-9, torch.full((ends.size,), 1e-9, dtype=kind, device=DEVICE)
        expected = w.clone()
        reference.update(x, g, expected, ends, gain=gain)()
        ours.update(x, g, w, ends, gain=gain)()
        torch.testing.assert_close(w, expected, rtol=1e-14 if kind == torch.float64 else 2e-7, atol=1e-9)


class Calls(TorchDispatchMode):
    """Write down every operation of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@runs
@pytest.mark.parametrize(
    ("kernel", "wiring"), [(TritonRows, SHUFFLED), (TritonRows, MANY_SITES), (TritonBlocks, SQUARE)], ids=str
)
def test_a_prepared_change_only_launches(kernel: type[Kernel], wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, g = operands(wiring, 2)
    ends = Ends(*wiring).to(DEVICE)
    gain = w.new_ones(ends.size)
    change = kernel(*wiring).to(DEVICE).update(x, g, w, ends, gain=gain, decay=gain, unit_norm=True)
    launched: list[Launch] = []
    monkeypatch.setattr(Launch, "run", lambda self: launched.append(self))
    with Calls() as calls:
        change()
    assert calls.seen == []
    assert 1 <= len(launched) <= 2


@runs
@pytest.mark.parametrize("dtype", testing.TOLERANCES, ids=str)
@pytest.mark.parametrize("wiring", BLOCKS, ids=["square", "ragged"])
def test_tiles_equal_the_reference(wiring: Wiring, dtype: torch.dtype) -> None:
    for batch in (0, 1, 17):
        compare(TritonBlocks, wiring, batch, dtype)


@runs
@given(st.integers(0, 99), st.floats(0.4, 1.0), st.lists(st.integers(0, 20), min_size=2, max_size=3))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_any_communities_equal_the_reference(seed: int, fill: float, sides: list[int]) -> None:
    wiring = communities([(s, max(sides) - s) for s in sides], 60, 80, fill, seed)
    if TritonBlocks.supports(*wiring):
        compare(TritonBlocks, wiring, 3)


@interpreted
def test_tiles_keep_the_contract_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_blocks, "LEAST_FILL", 0)
    monkeypatch.setattr(triton_blocks, "MOST_SHARE", 1)
    find_tiling.cache_clear()
    testing.check_kernel(TritonBlocks, *SHUFFLED)
    find_tiling.cache_clear()


@runs
def test_tiles_weigh_coefficients() -> None:
    wiring = communities([(16, 16), (16, 16)], 32, 32)
    kernel = TritonBlocks(*wiring).to(DEVICE)
    x, w, g = operands(wiring, 2)
    whole = kernel.push(x, 3 * w), kernel.pull(g, 3 * w), 3 * kernel.pair(x, g)
    kernel.register_buffer("coef", torch.full_like(w, 3), persistent=False)
    for got, expected in zip((kernel.push(x, w), kernel.pull(g, w), kernel.pair(x, g)), whole, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@runs
def test_weights_changed_behind_the_back_of_torch_are_seen() -> None:
    x, w, _ = operands(SQUARE, 2)
    kernel = TritonBlocks(*SQUARE).to(DEVICE)
    y = kernel.push(x, w)
    w.data.mul_(2)
    torch.testing.assert_close(kernel.push(x, w), 2 * y)


def test_tiles_fit_the_wiring() -> None:
    tilings = {
        (64, 64): communities([(64, 64)] * 4, 256, 256),
        (16, 16): communities([(16, 16)] * 6, 96, 96),
        (16, 64): communities([(16, 64)] * 6, 96, 384),
    }
    for sides, wiring in tilings.items():
        tiling = find_tiling(*wiring)
        assert tiling is not None
        assert (tiling.tall, tiling.broad) == sides
    assert not TritonBlocks.supports(cg.ErdosRenyi(0.1), (200,), (200,))
    assert not TritonBlocks.supports(cg.Dense(), (200,), (200,))
    assert not TritonBlocks.supports(cg.Explicit([], []), (200,), (200,))
    assert not TritonBlocks.supports(*communities([(16, 16)] * 6, 96, 96, fill=0.1))


def test_regular_wiring_is_left_to_its_own_kernels() -> None:
    for kernel in (TritonRows, TritonBlocks):
        assert not kernel.supports(cg.Conv(3), (1, 5), (1, 3))
        assert not kernel.supports(cg.GraphEdges([0], [1]), (1, 2), (1, 2))
        assert not kernel.supports(cg.OneToOne(), (3,), (3,))
        assert not kernel.supports(cg.Pruned(cg.Pool(2), [1]), (2, 4, 4), (2, 2, 2))


def test_nothing_chooses_them_on_a_processor() -> None:
    assert cg.kernels.make_kernel(cg.ErdosRenyi(0.1), (64,), (64,)).name not in ("triton", "triton-blocks")
    assert cg.kernels.make_kernel(*SQUARE).name not in ("triton", "triton-blocks")


@pytest.mark.skipif(DEVICE in DEVICES and not HAS_GPU, reason="interpreted code runs everywhere")
def test_activity_on_another_device_is_refused() -> None:
    with pytest.raises(StructureError, match=r"kernel 'triton': does not run here \(got activity on cpu"):
        TritonRows(*SHUFFLED).push(torch.ones(1, 5), torch.ones(5))


@pytest.fixture
def matmul() -> Iterator[Any]:
    """Give torch's settings of matrix products, and put back what a test changes."""
    yield torch.backends.cuda.matmul
    torch.backends.cuda.matmul.allow_tf32 = False


def test_float32_is_multiplied_as_torch_says(matmul: Any) -> None:
    assert not allows_tf32()
    matmul.allow_tf32 = True
    assert allows_tf32()


def test_a_program_takes_no_more_than_its_tile() -> None:
    for n_rows, length, batch in ((1, 0, 0), (10**6, 3.5, 1), (10**6, 900, 1), (10**5, 40, 33), (10**5, 7, 500)):
        sizes = tile(n_rows, length, batch)
        assert np.prod(list(sizes.values())) <= 2048
        assert sizes["ROWS"] * sizes["EDGES"] <= 512


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
@pytest.mark.parametrize("dtype", testing.TOLERANCES, ids=str)
def test_large_wiring_on_a_gpu(dtype: torch.dtype) -> None:
    for batch in (1, 100, 128):
        compare(TritonRows, (cg.ErdosRenyi(0.02, seed=1), (900,), (1100,)), batch, dtype)
        compare(TritonRows, (cg.Pruned(cg.Conv(3, padding=1), range(0, 576, 50)), (8, 32, 32), (8, 32, 32)), 2, dtype)
        compare(TritonBlocks, communities([(64, 64)] * 10, 640, 640), batch, dtype)


@runs
@pytest.mark.parametrize("kernel", ["triton", "triton-blocks"])
def test_a_network_trains_and_learns_by_them(kernel: str) -> None:
    topology, *_ = SQUARE
    for rule in (None, cg.Oja(0.01)):
        circuit = cg.Circuit().add("x", 96).connect("x", "y", topology, units=96, rule=rule)
        weights = []
        for chosen in (kernel, "reference"):
            net = cg.compile(circuit, device=DEVICE, kernels={"x->y": chosen})
            x = torch.rand(8, 96, generator=torch.Generator().manual_seed(0)).to(DEVICE)
            if rule is None:
                net(x).square().sum().backward()
            else:
                net.learn(net.step(x))
            weights.append(net.weights["x->y"].grad if rule is None else net.weights["x->y"].detach())
        torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-4)
