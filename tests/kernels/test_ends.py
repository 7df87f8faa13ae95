"""What rules need beside the three kernel methods, against loops over slots and synapses; on every kind of wiring."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import Ends, Kernel
from circuitgraph.kernels.ends import heard_by

Wiring = tuple[Topology, Shape, Shape]


def wirings() -> list[Wiring]:
    registered = [e for n in registry.topologies for e in registry.topologies[n].examples() if e[0].reduce == "sum"]
    # Ends in no order, ends in order with one that has no slots, and no slots at all.
    listed: list[Wiring] = [
        (cg.Explicit([0, 1, 1, 2], [3, 0, 3, 0]), (3,), (4,)),
        (cg.Explicit([1, 0, 2, 2], [0, 2, 1, 0]), (3,), (2, 2)),
        (cg.Explicit([1, 0, 0, 2], [0, 0, 2, 2]), (3,), (3,)),
        (cg.Explicit([], []), (3,), (2,)),
        (cg.Pruned(cg.Conv(3, padding=1), []), (2, 4), (3, 4)),
        (cg.Pruned(cg.Conv(3, padding=1), [1, 5, 6, 8, 17]), (2, 4), (3, 4)),
    ]
    return registered + listed


ON_EVERY_WIRING = pytest.mark.parametrize("wiring", wirings(), ids=repr)


def ends_of(wiring: Wiring) -> list[int]:
    topology, pre, post = wiring
    return [int(end) for end in topology.slots(pre, post).post]


def neurons_of(wiring: Wiring, end: int) -> list[tuple[int, int]]:
    """List the neurons (unit, site) of a postsynaptic end."""
    topology, pre, post = wiring
    kind, sites = topology.slots(pre, post).post_end, math.prod(post[1:])
    every = [(u, s) for u in range(post[0]) for s in range(sites)]
    return [(u, s) for u, s in every if {"unit": u, "site": s, "neuron": u * sites + s}[kind] == end]


def heard(wiring: Wiring) -> list[frozenset[tuple[int, int]]]:
    """Say which presynaptic neurons each slot hears, and where; synapses that share a weight hear at several sites."""
    topology, pre, post = wiring
    table, sites = topology.synapses(pre, post), math.prod(post[1:])
    by_unit = topology.slots(pre, post).post_end == "unit"
    places: list[set[tuple[int, int]]] = [set() for _ in range(topology.n_slots(pre, post))]
    for i, j, slot in zip(table.pre.tolist(), table.post.tolist(), table.slot.tolist(), strict=True):
        places[slot].add((i, j % sites if by_unit else 0))
    return [frozenset(place) for place in places]


def weights(wiring: Wiring, seed: int = 0) -> Tensor:
    return torch.randn(wiring[0].n_slots(*wiring[1:]), generator=torch.Generator().manual_seed(seed)).double()


def activity(shape: Shape, seed: int = 1) -> Tensor:
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(seed)).double()


@ON_EVERY_WIRING
def test_sums_norms_and_peaks_of_each_end_are_those_of_loops(wiring: Wiring) -> None:
    ends, w, g, at = Ends(*wiring), weights(wiring), activity(wiring[2]), ends_of(wiring)
    assert ends.of_slots(w).tolist() == at
    mine = [[float(a) for a, end in zip(w, at, strict=True) if end == m] for m in range(ends.size)]
    torch.testing.assert_close(ends.norm(w).tolist(), [math.sqrt(sum(a * a for a in row)) for row in mine])
    torch.testing.assert_close(ends.peak(w).tolist(), [max(map(abs, row), default=0.0) for row in mine])
    rows, neurons = g.flatten(2) if g.ndim > 2 else g[..., None], [neurons_of(wiring, m) for m in range(ends.size)]
    torch.testing.assert_close(ends.total(g).tolist(), [sum(float(rows[:, u, s].sum()) for u, s in n) for n in neurons])
    v = torch.arange(1.0, 1 + ends.size).double()
    at_slot, slots = ends.spread(v, w)
    torch.testing.assert_close((at_slot * slots).flatten(), w * v[torch.tensor(at, dtype=torch.long)])
    spread = ends.over(v).expand(1, *wiring[2]).reshape(wiring[2][0], -1)
    assert all(spread[u, s] == v[m] for m, n in enumerate(neurons) for u, s in n)
    scaled = w.clone()
    ends.scale_to_unit(scaled)
    norm = ends.norm(w)
    torch.testing.assert_close(ends.norm(scaled), (norm > 0).double())
    torch.testing.assert_close(scaled * norm[torch.tensor(at, dtype=torch.long)], w)


@ON_EVERY_WIRING
def test_slots_of_different_ends_that_hear_the_same_have_one_number(wiring: Wiring) -> None:
    ends, w, same = Ends(*wiring), weights(wiring), heard(wiring)
    number = ends.of_inputs(w).tolist()
    assert number == heard_by(*wiring).tolist()
    for k, a in enumerate(same):
        assert [number[m] == number[k] for m in range(len(same))] == [b == a for b in same]
    total = [sum(float(w[m]) for m, b in enumerate(same) if b == a) for a in same]
    torch.testing.assert_close(ends.per_input(w).tolist(), total)


@ON_EVERY_WIRING
def test_mixing_multiplies_weights_laid_out_as_ends_by_inputs(wiring: Wiring) -> None:
    ends, w, same, at = Ends(*wiring), weights(wiring), heard(wiring), ends_of(wiring)
    matrix = torch.randn(ends.size, ends.size, generator=torch.Generator().manual_seed(5)).double()
    expected = [
        sum(float(matrix[at[k], at[m]] * w[m]) for m in range(len(w)) if same[m] == same[k]) for k in range(len(w))
    ]
    torch.testing.assert_close(ends.mix(matrix, w).tolist(), expected)


@ON_EVERY_WIRING
def test_ends_meet_neuron_by_neuron_over_batch_and_sites(wiring: Wiring) -> None:
    ends, g = Ends(*wiring), activity(wiring[2])
    rows = g.flatten(2) if g.ndim > 2 else g[..., None]
    neurons = [neurons_of(wiring, m) for m in range(ends.size)]
    for a, mine in enumerate(neurons):
        for b, theirs in enumerate(neurons):
            met = sum(float((rows[:, u, s] * rows[:, v, t]).sum()) for (u, s), (v, t) in zip(mine, theirs, strict=True))
            assert float(ends.gram(g)[a, b]) == pytest.approx(met)


@ON_EVERY_WIRING
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_largest_share_of_each_end_is_kept_and_at_least_one(wiring: Wiring, share: float) -> None:
    ends, w, at = Ends(*wiring), weights(wiring), ends_of(wiring)
    kept: set[int] = set()
    for end in set(at):
        mine = sorted((k for k in range(len(w)) if at[k] == end), key=lambda k: -abs(float(w[k])))
        kept |= set(mine[: max(1, round(share * len(mine)))])
    before = w.clone()
    assert ends.keep_largest(w, share).tolist() == [a if k in kept else 0.0 for k, a in enumerate(w.tolist())]
    assert torch.equal(w, before)


def test_of_equal_changes_as_many_are_kept_as_of_different_ones() -> None:
    ends, w = Ends(cg.Explicit([0, 1, 2, 3, 1], [1, 0, 1, 1, 1]), (4,), (2,)), torch.ones(5)
    assert ends.keep_largest(w, 0.5).sum() == 3  # one of one, two of four


def test_what_a_pruned_slot_hears_is_what_it_heard_before() -> None:
    law, keep = cg.Conv(3, padding=1), np.array([0, 4, 7, 9, 30])
    whole = heard_by(law, (2, 4), (6, 4))
    assert heard_by(cg.Pruned(law, keep), (2, 4), (6, 4)).tolist() == whole[keep].tolist()


def energies(wiring: Wiring, x: Tensor) -> Tensor:
    topology, pre, post = wiring
    table, flat = topology.synapses(pre, post), x.flatten(1)
    out = torch.zeros(len(x), math.prod(post), dtype=x.dtype)
    for i, j, coef in zip(table.pre.tolist(), table.post.tolist(), table.coef.tolist(), strict=True):
        out[:, j] += coef * flat[:, i] ** 2
    return out.view(len(x), *post)


@pytest.mark.parametrize(
    "kernel",
    [k for k in (registry.kernels[n] for n in registry.kernels) if "cuda" not in k.devices],
    ids=lambda k: k.name,
)
def test_the_energy_of_an_input_is_the_sum_of_squares_that_each_neuron_hears(kernel: type[Kernel]) -> None:
    if not kernel.present():
        pytest.skip(f"kernel {kernel.name!r} is not installed")
    supported = [w for w in wirings() if kernel.supports(*w)]
    tiles = np.arange(0, 256, 4)
    for wiring in supported or [(cg.Explicit(tiles % 16, tiles // 16), (32,), (16,))]:
        made, x = kernel(*wiring), activity(wiring[1])
        before = set(made.state_dict())
        found = made.energy(x).expand(len(x), *wiring[2])
        torch.testing.assert_close(found, energies(wiring, x), rtol=1e-11, atol=1e-11)
        assert set(made.state_dict()) == before
        assert made.energy(x[:0]).expand(0, *wiring[2]).shape == (0, *wiring[2])
