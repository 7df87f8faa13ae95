"""The CPU engine against the definition, over wiring and batches that fill its lanes."""

import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings

import circuitgraph as cg
from circuitgraph.errors import NumericError, ShapeError
from circuitgraph.ir import Topology
from circuitgraph.kernels import Ends, Kernel, NumbaKernel, Reference, k_winners
from circuitgraph.kernels.cpu import wiring
from circuitgraph.testing import TOLERANCES, check_kernel

pytest.importorskip("numba")
BATCHES = (0, 1, 2, 3, 4, 5, 9, 16, 17, 33, 64, 65, 130)


@st.composite
def wirings(draw: st.DrawFn) -> tuple[Topology, int, int]:
    n_pre, n_post = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    pairs = n_pre * n_post
    key = np.array(draw(st.lists(st.integers(0, pairs - 1), unique=True, max_size=120)), dtype=np.int64)
    key = np.sort(key) if draw(st.booleans()) else key
    return cg.Explicit(key % n_pre, key // n_pre), n_pre, n_post


def operands(
    topology: Topology, n_pre: int, n_post: int, batch: int, dtype: torch.dtype, *, share: float = 1.0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    x, g = (
        torch.randn(batch, n, generator=rng) * (torch.rand(batch, n, generator=rng) < share) for n in (n_pre, n_post)
    )
    w = torch.randn(topology.n_slots((n_pre,), (n_post,)), generator=rng)
    return x.to(dtype), w.double() if dtype == torch.float64 else w, g.to(dtype)


def assert_equal(got: torch.Tensor, expected: torch.Tensor, terms: int) -> None:
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    if expected.numel():
        allowed = TOLERANCES[expected.dtype] * max(1, terms) ** 0.5 * max(1.0, float(expected.double().abs().max()))
        assert float((got.double() - expected.double()).abs().max()) <= allowed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    wirings(), st.sampled_from(BATCHES), st.sampled_from(list(TOLERANCES)), st.sampled_from([1.0, 0.03]), st.booleans()
)
@example((cg.Explicit([], []), 3, 2), 65, torch.float32, 1.0, False)
@example((cg.Explicit(np.arange(40), np.zeros(40, int)), 40, 1), 130, torch.bfloat16, 1.0, True)
def test_all_methods_equal_the_reference(
    wiring: tuple[Topology, int, int], batch: int, dtype: torch.dtype, share: float, neuron_major: bool
) -> None:
    topology, n_pre, n_post = wiring
    ours, reference = (kind(topology, (n_pre,), (n_post,)) for kind in (NumbaKernel, Reference))
    x, w, g = operands(topology, n_pre, n_post, batch, dtype, share=share)
    if neuron_major:
        x, g = (t.t().contiguous().t() for t in (x, g))
    assert_equal(ours.push(x, w), reference.push(x, w), n_pre)
    assert_equal(ours.pull(g, w), reference.pull(g, w), n_post)
    assert_equal(ours.pair(x, g), reference.pair(x, g), batch)


@pytest.mark.parametrize("batch", [9, 64, 130])
def test_processors_that_do_not_multiply_pairs_find_the_same(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    topology = cg.ErdosRenyi(0.2)
    ours, reference = NumbaKernel(topology, (50,), (40,)), Reference(topology, (50,), (40,))
    x, w, g = operands(topology, 50, 40, batch, torch.bfloat16)
    seldom = g * (torch.rand(g.shape, generator=torch.Generator().manual_seed(1)) < 0.03)
    for has_pairs in (wiring.has_pairs(), False):
        monkeypatch.setattr(wiring, "has_pairs", lambda found=has_pairs: found)
        assert_equal(ours.push(x, w), reference.push(x, w), 50)
        assert_equal(ours.pull(g, w), reference.pull(g, w), 40)
        assert_equal(ours.pair(x, g), reference.pair(x, g), batch)
        assert_equal(ours.pair(x, seldom), reference.pair(x, seldom), batch)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wirings(), st.sampled_from([0, 1, 9, 65, 130]), st.sampled_from([torch.float32, torch.float64]), st.booleans())
def test_a_fused_update_is_the_sum_of_its_parts(
    wiring: tuple[Topology, int, int], batch: int, dtype: torch.dtype, unit_norm: bool
) -> None:
    topology, n_pre, n_post = wiring
    ours, reference = (kind(topology, (n_pre,), (n_post,)) for kind in (NumbaKernel, Reference))
    x, w, g = operands(topology, n_pre, n_post, batch, dtype)
    factors = dict(zip(("gain", "decay", "shift"), torch.randn(3, n_post, dtype=dtype), strict=True))
    ends = Ends(topology, (n_pre,), (n_post,))
    fused, parts = w.clone(), w.clone()
    commit = ours.update(x, g, fused, ends, **factors, unit_norm=unit_norm)
    assert torch.equal(fused, w), "changed before it was asked to"
    version = fused._version
    commit()
    assert fused._version > version or not len(w), "torch was not told of the change"
    Kernel.update(reference, x, g, parts, ends, **factors, unit_norm=unit_norm)()
    assert_equal(fused, parts, 30 * batch)


@pytest.mark.parametrize("n_pre", [65_536, 65_537], ids=["16-bit columns", "32-bit columns"])
def test_columns_beyond_16_bits_are_found(n_pre: int) -> None:
    topology = cg.Explicit([n_pre - 1, 0, 7], [0, 1, 1])
    kernel, reference = NumbaKernel(topology, (n_pre,), (2,)), Reference(topology, (n_pre,), (2,))
    x, w, g = operands(topology, n_pre, 2, 20, torch.float32)
    assert_equal(kernel.push(x, w), reference.push(x, w), 2)
    assert_equal(kernel.pull(g, w), reference.pull(g, w), 1)
    assert_equal(kernel.pair(x, g), reference.pair(x, g), 20)


@pytest.mark.parametrize("density", [0.1, 0.5])
def test_blocks_of_columns_change_nothing(density: float) -> None:
    topology = cg.ErdosRenyi(density)
    ours, reference = NumbaKernel(topology, (600,), (300,)), Reference(topology, (600,), (300,))
    assert ours.forth.blocked is not None
    for dtype in TOLERANCES:
        x, w, g = operands(topology, 600, 300, 200, dtype)
        assert_equal(ours.push(x, w), reference.push(x, w), 600)
        assert_equal(ours.pull(g, w), reference.pull(g, w), 300)
        assert_equal(ours.pair(x, g), reference.pair(x, g), 200)


@pytest.mark.parametrize(("dtype", "lanes"), [(torch.float32, 128), (torch.float64, 64)])
def test_blocks_are_for_the_wider_tiles_of_dense_wiring(dtype: torch.dtype, lanes: int) -> None:
    dense, sparse = (NumbaKernel(cg.ErdosRenyi(d), (600,), (30,)).forth for d in (0.2, 0.03))
    sums = dense.blocks_of_sums
    assert sums(dtype, lanes)[1:] == sums(dtype, lanes // 2)[1:] == dense.blocks(256)[1:] == (8 * 30, 10)
    assert sums(dtype, lanes // 4)[1:] == sums(torch.bfloat16, 128)[1:] == dense.blocks(128)[1:] == (8, 1)
    assert dense.blocks(256, 4)[1:] == (4 * 8 * 30, 3)
    assert sparse.blocks_of_sums(dtype, lanes)[1:] == (8, 1)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("share", [0.0, 0.005, 0.02, 0.05])
def test_little_activity_is_paired_alike_by_events_by_some_vectors_and_by_all(
    dtype: torch.dtype, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    topology = cg.ErdosRenyi(0.3)
    ours, reference = NumbaKernel(topology, (600,), (300,)), Reference(topology, (600,), (300,))
    _, _, g = operands(topology, 600, 300, 200, dtype, share=share)
    x = torch.randn(200, 600, generator=torch.Generator().manual_seed(1)).to(dtype)
    g[:, 7], g[:, 8] = -0.0, 1.0
    for event_row, seldom in ((0, 0.0), (1 << 40, 100.0), (1 << 40, 0.0)):
        monkeypatch.setattr(wiring, "EVENT_ROW", event_row)
        monkeypatch.setattr(wiring, "SELDOM", seldom)
        assert_equal(ours.pair(x, g), reference.pair(x, g), 200)


@pytest.mark.parametrize(("batch", "share"), [(1, 1.0), (2, 1.0), (16, 0.005)])
def test_few_errors_are_pulled_without_an_index_of_the_way_back(batch: int, share: float) -> None:
    topology = cg.ErdosRenyi(0.3)
    ours, reference = NumbaKernel(topology, (100,), (3000,)), Reference(topology, (100,), (3000,))
    assert ours.forth.chunks > 1
    for dtype in TOLERANCES:
        _, w, g = operands(topology, 100, 3000, batch, dtype, share=share)
        assert_equal(ours.pull(g, w), reference.pull(g, w), 3000)
    assert ours.back is None


def test_slots_shared_by_many_synapses_are_summed() -> None:
    topology, pre, post = cg.Pool(2, how="mean"), (3, 8, 8), (3, 4, 4)
    check_kernel(NumbaKernel, topology, pre, post)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    topology = cg.Explicit(*hubs(2000))
    kernel = NumbaKernel(topology, (2000,), (2000,))
    x, w, g = operands(topology, 2000, 2000, 100, torch.float32)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            few = kernel.push(x[:2], w), kernel.pull(g[:2], w), kernel.pair(x[:2], g[:2])
            found.append((kernel.push(x, w), kernel.pull(g, w), kernel.pair(x, g), *few, k_winners(x, 100)))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def hubs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw wiring in which a few neurons hear and reach half of all others."""
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, n, 20_000), rng.integers(0, n, 20_000)
    pre, post = np.append(pre, np.arange(0, n, 2)), np.append(post, np.full(n // 2, 3))
    pre, post = np.append(pre, np.full(n // 2, 5)), np.append(post, np.arange(0, n, 2))
    key = np.unique(post * n + pre)
    return key % n, key // n


def test_chunks_hold_about_equal_numbers_of_synapses_however_unequal_rows_are() -> None:
    pre, post = hubs(2000)
    wiring = NumbaKernel(cg.Explicit(pre, post), (2000,), (2000,)).forth
    counts = np.diff(wiring.begins.numpy()[wiring.starts.numpy()])
    assert counts.sum() == len(pre)
    assert counts.max() <= 2 * 2**13


def test_the_index_takes_two_bytes_a_synapse_where_it_can() -> None:
    kernel = NumbaKernel(cg.ErdosRenyi(0.1), (1000,), (1000,))
    assert kernel.forth.cols.dtype == torch.uint16
    assert kernel.back is None, "the way back is indexed before anyone goes it"


def test_an_update_by_a_rule_is_fused_and_equals_the_definition() -> None:
    circuit = cg.Circuit().add("x", 50).add("y", 40, cg.KWinners(4))
    circuit = circuit.connect("x", "y", cg.ErdosRenyi(0.3), rule=cg.Oja(0.01, unit_norm=True))
    fast, exact = cg.compile(circuit, kernels={"x->y": "numba"}), cg.compile(circuit, exact=True)
    x = torch.rand(70, 50, generator=torch.Generator().manual_seed(0))
    for net in (fast, exact):
        net.learn(net.step(x))
    torch.testing.assert_close(fast.weights["x->y"], exact.weights["x->y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rate", "size", "said"), [(0.1, 1e30, "NaN or infinity"), (1e25, 1e10, "become infinite")])
@pytest.mark.parametrize("engine", ["numba", "reference"])
def test_a_change_that_leaves_the_range_of_floats_is_an_error_and_changes_nothing(
    rate: float, size: float, said: str, engine: str
) -> None:
    circuit = cg.Circuit().add("x", 5).connect("x", "y", cg.ErdosRenyi(0.9), units=4, rule=cg.Hebb(rate))
    net = cg.compile(circuit, kernels={"x->y": engine})
    before = net.weights["x->y"].detach().clone()
    with pytest.raises(NumericError, match=said):
        net.learn(net.step(torch.full((20, 5), size)))
    assert torch.equal(net.weights["x->y"], before)


def test_importing_the_package_compiles_nothing() -> None:
    code = "import sys, circuitgraph.kernels; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_operands_that_do_not_fit_are_refused_before_compiled_code_reads_them() -> None:
    kernel = NumbaKernel(cg.Explicit([0, 4], [1, 0]), (5,), (2,))
    x, w, g = torch.ones(3, 5), torch.ones(2), torch.ones(3, 2)
    for call in (
        lambda: kernel.push(torch.ones(3, 4), w),
        lambda: kernel.push(x, torch.ones(1)),
        lambda: kernel.pull(torch.ones(3, 3), w),
        lambda: kernel.pair(x, torch.ones(2, 2)),
        lambda: kernel.update(x, g, torch.ones(3), Ends(kernel.topology, (5,), (2,)), gain=torch.ones(2)),
    ):
        with pytest.raises(ShapeError, match="kernel 'numba'"):
            call()


@pytest.mark.parametrize(("pre", "post"), [([5], [0]), ([0], [2]), ([-1], [0])])
def test_indices_out_of_range_are_refused_at_construction(pre: list[int], post: list[int]) -> None:
    with pytest.raises(ShapeError, match="out of range"):
        NumbaKernel(cg.Explicit(pre, post), (5,), (2,))


@pytest.mark.parametrize("batch", [1, 9, 70])
def test_infinite_activity_reaches_only_those_who_hear_it(batch: int) -> None:
    kernel = NumbaKernel(cg.Explicit([0, 1, 2, 1], [0, 1, 1, 2]), (3,), (4,))
    x = torch.ones(batch, 3)
    x[:, 0] = torch.inf
    y = kernel.push(x, torch.ones(4))
    assert y[0].tolist() == [torch.inf, 2.0, 1.0, 0.0]
