"""Pruned convolutions on the CPU engine against the definition."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, reject, settings

import circuitgraph as cg
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape
from circuitgraph.kernels import Reference, SparseConv, make_kernel
from circuitgraph.testing import check_kernel

pytest.importorskip("numba")


@st.composite
def laws(draw: st.DrawFn) -> tuple[cg.Pruned, Shape, Shape]:
    rank, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 3]))
    kernel, stride, dilation = (
        tuple(draw(st.integers(1, most)) for _ in range(rank)) for most in (3, 3, 2 if rank < 3 else 1)
    )
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, s // 2)) for s in span)
    sites = tuple(draw(st.integers(s, s + 3)) for s in span)
    mode = draw(st.sampled_from(["zeros", "reflect", "circular"]))
    if mode == "reflect":
        padding = tuple(min(p, n - 1) for p, n in zip(padding, sites, strict=True))
    law = cg.Conv(kernel, stride, padding, dilation, groups, mode)
    pre = (groups * draw(st.integers(1, 2)), *sites)
    post = law.post_shape(pre, groups * draw(st.integers(1, 3)))
    try:
        law.check(pre, post)
    except ShapeError:  # a weight would meet no input: no circuit holds such a law
        reject()
    n_slots = law.n_slots(pre, post)
    keep = draw(st.lists(st.integers(0, n_slots - 1), unique=True, max_size=20))
    return cg.Pruned(law, np.sort(np.array(keep, dtype=np.int64))), pre, post


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(laws(), st.sampled_from([1, 2, 7, 16, 37]), st.sampled_from([torch.float64, torch.float32]), st.booleans())
def test_all_methods_equal_the_reference(
    law: tuple[cg.Pruned, Shape, Shape], batch: int, dtype: torch.dtype, channels_last: bool
) -> None:
    topology, pre, post = law
    ours, reference = SparseConv(*law), Reference(*law)
    rng = torch.Generator().manual_seed(0)
    x, g = (torch.randn(batch, *shape, generator=rng, dtype=dtype) for shape in (pre, post))
    w = torch.randn(len(topology.keep), generator=rng, dtype=dtype)
    if channels_last and len(pre) == 3:
        x, g = (t.contiguous(memory_format=torch.channels_last) for t in (x, g))
    tolerance = 1e-11 if dtype == torch.float64 else 1e-5
    for got, expected in (
        (ours.push(x, w), reference.push(x, w)),
        (ours.pull(g, w), reference.pull(g, w)),
        (ours.pair(x, g), reference.pair(x, g)),
    ):
        torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance * max(1.0, batch))


@pytest.mark.parametrize(
    ("law", "pre", "units"),
    [
        (cg.Conv(3, padding=1, mode="reflect"), (3, 6, 7), 5),
        (cg.Conv((3, 2), stride=(2, 1), padding=1, mode="circular"), (2, 5, 4), 3),
        (cg.Conv(3, padding=1, groups=4), (4, 5, 5), 4),
        (cg.Conv(2, stride=3), (2, 5, 5, 4), 3),
    ],
    ids=repr,
)
def test_it_keeps_the_contract_of_kernels(law: cg.Conv, pre: Shape, units: int) -> None:
    post = law.post_shape(pre, units)
    check_kernel(SparseConv, cg.Pruned(law, np.arange(0, law.n_slots(pre, post), 3)), pre, post)


def test_more_keys_than_16_bits_hold_are_found() -> None:
    law, pre = cg.Conv(3, padding=1), (7300, 2, 2)
    post = law.post_shape(pre, 1)
    topology = cg.Pruned(law, [0, 65_690, 65_699])
    ours, reference = SparseConv(topology, pre, post), Reference(topology, pre, post)
    x, w = torch.randn(3, *pre, generator=torch.Generator().manual_seed(0)), torch.tensor([1.0, -2.0, 3.0])
    assert ours.forth.cols.dtype == torch.int32
    torch.testing.assert_close(ours.push(x, w), reference.push(x, w))


def test_it_is_chosen_where_little_is_left_and_not_where_most_is() -> None:
    law, pre, post = cg.Conv(3, padding=1), (96, 16, 16), (384, 16, 16)
    n_slots = law.n_slots(pre, post)
    drawn = np.random.default_rng(0).random(n_slots)
    sparse, full = (np.flatnonzero(drawn < share) for share in (0.05, 0.5))
    assert make_kernel(cg.Pruned(law, sparse), pre, post).name == "numba-conv"
    assert make_kernel(cg.Pruned(law, full), pre, post).name == "masked"


def test_the_index_of_a_pruned_layer_takes_two_bytes_a_slot() -> None:
    law, pre, post = cg.Conv(3, padding=1), (384, 8, 8), (64, 8, 8)
    kernel = SparseConv(cg.Pruned(law, np.arange(0, law.n_slots(pre, post), 20)), pre, post)
    assert kernel.forth.cols.dtype == torch.uint16
    assert kernel.perm is None, "the way back is indexed before anyone goes it"
