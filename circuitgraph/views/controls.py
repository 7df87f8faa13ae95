"""Controls: circuits of the same size whose wiring, or whose weights, are random."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from circuitgraph.errors import StructureError, UnknownNameError
from circuitgraph.graphs.nulls import backwards, draw_pairs, swap_pairs, swap_posts
from circuitgraph.ir import Circuit, Projection, Shape, n_neurons, n_sites
from circuitgraph.ir.init import stream
from circuitgraph.ir.value import given_up
from circuitgraph.topologies import Explicit, GraphEdges


class _Ends(NamedTuple):
    """The pairs that a projection lists, one slot each, and between how many ends; `one`: both ends are the same.

    `back` is the slot of each pair the other way round, where all have one of the same weight; else None.
    """

    pre: np.ndarray
    post: np.ndarray
    n_pre: int
    n_post: int
    one: bool
    law: type[Explicit] | type[GraphEdges]
    back: np.ndarray | None = None


def rewired(circuit: Circuit, null: str, rng: np.random.Generator | int = 0) -> Circuit:
    """Give a control of the same size: every projection by itself is rewired, or its weights are permuted.

    "degree" swaps the ends of pairs of slots: every neuron keeps how many slots of either sign it sends and receives
        (Maslov and Sneppen, 2002).
    "lattice" does the same, and no swap lengthens slots, with the neurons of each population on a ring in random
        order, until neighbours are wired to neighbours (Sporns and Zwi, 2004).
    "erdos-renyi" draws as many pairs, all as likely as each other.
    "weights" keeps the wiring and permutes the weights of each projection among its slots.

    Slot k keeps its weight, its attributes and, where pairs are swapped one way, its presynaptic end; what comes to
    connect another pair has a new id.  No pair comes twice.  A loop is a slot from a neuron to itself: "degree" and
    "lattice" leave loops alone and make none, "erdos-renyi" makes some where there were some.  Signs of projections
    hold.  Wiring that lists every pair in both directions with equal weights, as gap junctions and undirected data
    graphs do, stays so, with as many loops.

    Rewired is what lists its pairs: `Explicit`, `ErdosRenyi`, `SmallWorld`, `Lateral` without sites, pruned `Dense`,
    and `GraphEdges`, pruned or not.  Laws stay as they are: all-to-all wiring is its own control, and convolutions,
    pools and relays share weights by place, which a random pair has no part in.

    Raises:
        UnknownNameError: for another control.
        StructureError: if all projections are laws, so that nothing would be rewired.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "x", cg.Explicit([0, 1, 2, 3], [1, 2, 3, 0]), delay=1)
        >>> law = rewired(c, "degree", rng=1).projections[0].topology
        >>> sorted(law.post.tolist()), bool((law.pre == law.post).any())
        ([0, 1, 2, 3], False)
    """
    if null not in CONTROLS:
        raise UnknownNameError(f"rewired: no control {null!r} (expected one of {', '.join(CONTROLS)})")
    new = [_control(circuit, p, null, rng) for p in circuit.projections]
    if new and all(p is None for p in new):
        laws = ", ".join(type(p.topology).__name__ for p in circuit.projections)
        raise StructureError(f"rewired: no projection lists its pairs (got {laws}); rewire 'weights'")
    kept = (p if q is None else q for p, q in zip(circuit.projections, new, strict=True))
    return dataclasses.replace(circuit, projections=tuple(kept))


def _control(circuit: Circuit, p: Projection, null: str, rng: np.random.Generator | int) -> Projection | None:
    """Give the control of a projection, None where its law has none."""
    draws, ends = stream(rng, f"rewired {p.name}"), _ends(p, *circuit.shapes(p))
    if null == "weights":
        return dataclasses.replace(p, weight=given_up(_permuted(p.weight, None if ends is None else ends.back, draws)))
    if ends is None:
        return None
    pre, post = _drawn(ends, CONTROLS[null], p.weight, draws)
    moved = np.flatnonzero((pre != ends.pre) | (post != ends.post))
    ids = p.slot_ids.copy()
    ids[moved] = p.next_id + np.arange(len(moved))
    return dataclasses.replace(p, topology=ends.law(pre, post), ids=given_up(ids), next_id=p.next_id + len(moved))


def _permuted(weight: np.ndarray, back: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    if back is None:
        return rng.permutation(weight)
    out, loop = weight.copy(), np.arange(len(back)) == back
    for once in (np.flatnonzero(loop), np.flatnonzero(np.arange(len(back)) < back)):
        out[once] = rng.permutation(weight[once])
        out[back[once]] = out[once]
    return out


def _drawn(ends: _Ends, draw: "_Draw", weight: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw new pairs; where each has one the other way, of both directions together."""
    if ends.back is None:
        return draw(ends, weight, rng)
    once = _once(ends.back)
    half = draw(ends._replace(pre=ends.pre[once], post=ends.post[once]), weight[once], rng)
    pre, post = np.empty_like(ends.pre), np.empty_like(ends.post)
    for at, (first, second) in ((ends.back[once], half[::-1]), (once, half)):
        pre[at], post[at] = first, second
    return pre, post


def _once(back: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.arange(len(back)) <= back)


def _ends(p: Projection, pre: Shape, post: Shape) -> _Ends | None:
    """List the pairs that a projection connects; None where it is a law."""
    ends = _listed(p, pre, post)
    if ends is None or not ends.one or not len(ends.pre):
        return ends
    back = backwards(ends.pre, ends.post, ends.n_pre)
    mirrored = (back >= 0).all() and (p.weight[back] == p.weight).all() and (ends.pre != ends.post).any()
    return ends._replace(back=back) if mirrored else ends


def _listed(p: Projection, pre: Shape, post: Shape) -> _Ends | None:
    listed = p.topology.listed(pre, post)
    if listed is not None:
        at_pre, at_post = (end.astype(np.int64) for end in listed)
        return _Ends(at_pre, at_post, n_neurons(pre), n_neurons(post), p.pre == p.post, Explicit)
    if isinstance(getattr(p.topology, "topology", p.topology), GraphEdges):
        slots, sites = p.topology.slots(pre, post), n_sites(pre)
        return _Ends(slots.pre, slots.post, sites, sites, True, GraphEdges)
    return None


def _same_degrees(ends: _Ends, weight: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _swapped(ends, weight, rng, None)


def _lattice(ends: _Ends, weight: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first = rng.permutation(ends.n_pre) / ends.n_pre
    if ends.one:
        return _swapped(ends, weight, rng, np.stack([first, first]))
    ring = np.concatenate([first, rng.permutation(ends.n_post) / ends.n_post])
    return _swapped(ends, weight, rng, np.stack([ring, ring]))


def _swapped(
    ends: _Ends, weight: np.ndarray, rng: np.random.Generator, places: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    if ends.back is not None:
        return swap_pairs(ends.pre, ends.post, ends.n_pre, rng, negative=weight < 0, places=places)
    # Two populations are one graph whose postsynaptic nodes come after the others.
    shift = 0 if ends.one else ends.n_pre
    size = ends.n_pre if ends.one else ends.n_pre + ends.n_post
    post = swap_posts(ends.pre, ends.post + shift, size, rng, negative=weight < 0, places=places)
    return ends.pre, post - shift


def _uniform(ends: _Ends, weight: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    loop = ends.pre == ends.post
    if ends.back is None:
        loops = not ends.one or bool(loop.any())
        return draw_pairs(ends.n_pre, ends.n_post, len(loop), rng, loops=loops)
    # A loop is one slot and a pair two: as many of either as there were.
    pre, post = np.empty_like(ends.pre), np.empty_like(ends.post)
    pre[loop] = post[loop] = rng.choice(ends.n_pre, int(loop.sum()), replace=False)
    pre[~loop], post[~loop] = draw_pairs(ends.n_pre, ends.n_pre, int((~loop).sum()), rng, loops=False, directed=False)
    return pre, post


def _as_it_is(ends: _Ends, weight: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return ends.pre, ends.post


_Draw = Callable[[_Ends, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
CONTROLS: dict[str, _Draw] = {
    "degree": _same_degrees,
    "erdos-renyi": _uniform,
    "lattice": _lattice,
    "weights": _as_it_is,
}
