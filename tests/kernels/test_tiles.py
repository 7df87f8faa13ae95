"""Synapses tile by tile against the definition, over wiring of more than one tile."""

from itertools import product

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

import circuitgraph as cg
from circuitgraph.errors import ShapeError
from circuitgraph.kernels import Ends, Kernel, Reference, TileKernel
from circuitgraph.testing import TOLERANCES, check_kernel
from circuitgraph.topologies import tile_order
from circuitgraph.topologies.tiles import BLOCK, STRIP, rises_in_tiles

pytest.importorskip("numba")
N_PRE, N_POST = 2 * BLOCK + 3, 2 * STRIP + 5
Wiring = tuple[cg.Explicit, int, int]


@st.composite
def wirings(draw: st.DrawFn) -> Wiring:
    n_pre, n_post = draw(st.sampled_from([1, 7, BLOCK, N_PRE])), draw(st.sampled_from([1, 7, STRIP, N_POST]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    key = np.unique(rng.integers(0, n_pre * n_post, draw(st.integers(0, 600))))
    rng.shuffle(key)
    pre, post = key % n_pre, key // n_pre
    order = tile_order(pre, post) if draw(st.booleans()) else slice(None)
    return cg.Explicit(pre[order], post[order]), n_pre, n_post


def operands(wiring: Wiring, batch: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    topology, n_pre, n_post = wiring
    rng = torch.Generator().manual_seed(0)
    x, g, w = (torch.randn(*s, generator=rng) for s in ((batch, n_pre), (batch, n_post), (len(topology.pre),)))
    return x.to(dtype), g.to(dtype), w.double() if dtype == torch.float64 else w


def assert_equal(got: torch.Tensor, expected: torch.Tensor) -> None:
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    if expected.numel():
        allowed = TOLERANCES[expected.dtype] * 20 * max(1.0, float(expected.double().abs().max()))
        assert float((got.double() - expected.double()).abs().max()) <= allowed


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wirings(), st.sampled_from([0, 1, 2, 5]), st.sampled_from(list(TOLERANCES)), st.booleans())
def test_all_methods_equal_the_reference(wiring: Wiring, batch: int, dtype: torch.dtype, neuron_major: bool) -> None:
    topology, n_pre, n_post = wiring
    ours, reference = (kind(topology, (n_pre,), (n_post,)) for kind in (TileKernel, Reference))
    x, g, w = operands(wiring, batch, dtype)
    if neuron_major:
        x, g = (t.t().contiguous().t() for t in (x, g))
    assert_equal(ours.push(x, w), reference.push(x, w))
    assert_equal(ours.pull(g, w), reference.pull(g, w))
    assert_equal(ours.pair(x, g), reference.pair(x, g))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wirings(), st.sampled_from([0, 1, 3]), st.sampled_from([torch.float32, torch.float64]), st.booleans())
def test_a_fused_update_is_the_sum_of_its_parts(
    wiring: Wiring, batch: int, dtype: torch.dtype, unit_norm: bool
) -> None:
    topology, n_pre, n_post = wiring
    ours, reference = (kind(topology, (n_pre,), (n_post,)) for kind in (TileKernel, Reference))
    x, g, w = operands(wiring, batch, dtype)
    factors = dict(zip(("gain", "decay", "shift"), torch.randn(3, n_post, dtype=dtype), strict=True))
    ends, fused, parts = Ends(topology, (n_pre,), (n_post,)), w.clone(), w.clone()
    commit = ours.update(x, g, fused, ends, **factors, unit_norm=unit_norm)
    assert torch.equal(fused, w), "changed before it was asked to"
    version = fused._version
    commit()
    assert fused._version > version or not len(w), "torch was not told of the change"
    Kernel.update(reference, x, g, parts, ends, **factors, unit_norm=unit_norm)()
    assert_equal(fused, parts)


def test_the_contract_holds() -> None:
    for topology, pre, post in (*cg.Explicit.examples(), (cg.ErdosRenyi(0.3), (30,), (20,))):
        check_kernel(TileKernel, topology, pre, post)


def test_a_step_of_learning_equals_that_of_any_other_kernel() -> None:
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, N_PRE, 5000), np.repeat(np.arange(100) * (N_POST // 100), 50)
    order = np.unique(post * N_PRE + pre, return_index=True)[1]
    order = order[tile_order(pre[order], post[order])]
    wiring, x = cg.Explicit(pre[order], post[order]), torch.rand(1, N_PRE, generator=torch.Generator().manual_seed(0))
    weight = rng.standard_normal(len(order)).astype(np.float32)
    found = []
    for name, unit_norm in product(("numba-tiles", "reference"), (False, True)):
        circuit = cg.Circuit().add("x", N_PRE).add("y", N_POST)
        circuit = circuit.connect("x", "y", wiring, weight=weight, rule=cg.Oja(0.01, unit_norm=unit_norm))
        net = cg.compile(circuit, kernels={"x->y": name})
        net.learn(net.step(x))
        found.append(torch.tensor(net.snapshot().projection("x->y").weight))
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[1], found[3])


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    key = np.unique(rng.integers(0, N_PRE * N_POST, 100_000))
    wiring: Wiring = cg.Explicit(key % N_PRE, key // N_PRE), N_PRE, N_POST
    kernel = TileKernel(wiring[0], (N_PRE,), (N_POST,))
    x, g, w = operands(wiring, 2, torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append([kernel.push(x, w), kernel.pull(g, w), kernel.pair(x, g)])
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


def test_machine_code_has_tiles_of_the_size_that_the_order_of_pairs_has() -> None:
    from circuitgraph.kernels.cpu import tiles as compiled

    assert (compiled.STRIP, compiled.BLOCK) == (STRIP, BLOCK)


def test_indices_out_of_range_are_refused() -> None:
    with pytest.raises(ShapeError, match="pre out of range"):
        TileKernel(cg.Explicit([3], [0]), (3,), (1,))


def test_pairs_in_the_order_of_tiles_need_no_map_and_others_get_one() -> None:
    pre, post = np.array([5, 1, 0]), np.array([0, STRIP, 2 * STRIP])
    assert TileKernel(cg.Explicit(pre, post), (6,), (N_POST,)).slot is None
    assert TileKernel(cg.Explicit(pre[::-1], post[::-1]), (6,), (N_POST,)).slot is not None
    assert rises_in_tiles(pre, post)
    assert not rises_in_tiles(pre[::-1], post[::-1])


def test_the_same_pair_twice_is_found_in_tiles_too() -> None:
    with pytest.raises(ShapeError, match="comes twice"):
        cg.Explicit([0, 1, 1], [STRIP - 1, 0, 0])


def test_compile_takes_tiles_where_huge_wiring_is_listed_so_and_samples_are_few() -> None:
    n, rng = 1 << 17, np.random.default_rng(0)
    key = np.sort(rng.integers(0, n * n, 8 * n))  # numpy's unique hashes, which takes seconds
    key = key[np.diff(key, prepend=-1) > 0]
    wiring = cg.Explicit(key % n, key // n)
    order = tile_order(wiring.pre, wiring.post)
    tiled = cg.Explicit(wiring.pre[order], wiring.post[order])
    settings = cg.kernels.Setting(1), cg.kernels.Setting(128)
    assert [cg.kernels.choose_kernel(tiled, (n,), (n,), s).name == "numba-tiles" for s in settings] == [True, False]
    assert cg.kernels.choose_kernel(wiring, (n,), (n,), settings[0]).name != "numba-tiles"
