"""Convolutions that lost whole units."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.kernels import CompactConv, make_kernel
from circuitgraph.testing import check_kernel

LAW, PRE, POST = cg.Conv(3, padding=1), (4, 5, 5), (6, 5, 5)
SLOTS = np.arange(LAW.n_slots(PRE, POST)).reshape(6, 9, 4)


@pytest.mark.parametrize(
    "keep",
    [SLOTS[[0, 2, 5]], SLOTS[:, :, [1, 3]], SLOTS[1:][:, :, :3][:, ::2], SLOTS[4:5, 3:4, 2:3]],
    ids=["post units gone", "pre units gone", "units and taps gone", "one slot left"],
)
def test_what_is_left_computes_as_the_definition_says(keep: np.ndarray) -> None:
    check_kernel(CompactConv, cg.Pruned(LAW, keep.ravel()), PRE, POST)


def test_whole_units_removed_leave_a_smaller_dense_convolution() -> None:
    kernel = make_kernel(cg.Pruned(LAW, SLOTS[[0, 2, 5]][:, :, :2].ravel()), PRE, POST, "compact")
    assert isinstance(kernel, CompactConv)
    assert kernel.inner.name == "conv"
    assert (kernel.inner.pre, kernel.inner.post) == ((2, 5, 5), (3, 5, 5))


def test_it_is_chosen_where_units_are_gone_and_is_of_no_use_where_none_is() -> None:
    law, pre, post = cg.Conv(3, padding=1), (64, 16, 16), (128, 16, 16)
    slots = np.arange(law.n_slots(pre, post)).reshape(128, 9, 64)
    assert make_kernel(cg.Pruned(law, slots[:64].ravel()), pre, post).name == "compact"
    assert not CompactConv.supports(cg.Pruned(law, slots.ravel()[::3]), pre, post)
    assert not CompactConv.supports(cg.Pruned(law, []), pre, post)


def test_a_network_with_dead_units_learns_and_is_differentiated_as_before() -> None:
    circuit = cg.Circuit().add("x", PRE).connect("x", "y", LAW, units=6, rule=cg.Oja(0.01))
    circuit, _ = cg.RemoveSlots("x->y", SLOTS[1:4].ravel()).apply(circuit)
    x = torch.rand(7, *PRE, generator=torch.Generator().manual_seed(0))
    found = []
    for kernels in ({"x->y": "compact"}, {"x->y": "reference"}):
        net = cg.compile(circuit, dtype=torch.float64, kernels=kernels)
        net.learn(net.step(x.double()))
        found.append(net.weights["x->y"])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
