from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph import registry
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, Topology
from circuitgraph.topologies import Conv, Dense, Pool, Pruned

EXAMPLES = [case for name in registry.topologies for case in registry.topologies[name].examples()]


@pytest.mark.parametrize(("law", "pre", "post"), EXAMPLES, ids=lambda case: repr(case))
@given(data=st.data())
def test_pruning_is_filtering_slots_and_their_synapses(
    law: Topology, pre: Shape, post: Shape, data: st.DataObject
) -> None:
    n = law.n_slots(pre, post)
    keep = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    pruned, whole = Pruned(law, keep), law.synapses(pre, post)
    pruned.check(pre, post)
    some, alive = pruned.synapses(pre, post), np.isin(whole.slot, keep)
    some.check(pre, post, len(keep))
    for column in ("pre", "post", "coef"):
        assert np.array_equal(getattr(some, column), getattr(whole, column)[alive])
    assert np.array_equal(keep[some.slot], whole.slot[alive])
    slots, all_slots = pruned.slots(pre, post), law.slots(pre, post)
    for column in ("pre", "post", "count"):
        assert np.array_equal(getattr(slots, column), getattr(all_slots, column)[keep])
    assert (slots.pre_end, slots.post_end) == (all_slots.pre_end, all_slots.post_end)
    assert (pruned.n_slots(pre, post), pruned.n_synapses(pre, post)) == (len(slots), len(some))
    assert (pruned.reduce, pruned.plastic) == (law.reduce, law.plastic)
    assert pruned.post_shape(pre, post[0]) == law.post_shape(pre, post[0])


@given(st.data())
def test_pruning_twice_is_pruning_once(data: st.DataObject) -> None:
    first = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=12, max_size=12)))
    later = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=len(first), max_size=len(first))))
    twice = Pruned(Pruned(Dense(), first), later)
    assert twice == Pruned(Dense(), first[later])
    assert isinstance(twice.topology, Dense)


def test_pruning_nothing_keeps_every_synapse() -> None:
    law, pre, post = Conv(3, padding=1), (2, 4, 4), (3, 4, 4)
    pruned = Pruned(law, np.arange(54))
    assert np.array_equal(pruned.synapses(pre, post).slot, law.synapses(pre, post).slot)


@pytest.mark.parametrize(
    ("topology", "keep", "message"),
    [
        (Dense(), [1, 0], r"Pruned: keep does not rise \(got 1, 0"),
        (Dense(), [0, 0], "does not rise"),
        (Dense(), [-1, 0], "does not rise"),
        (Dense(), [True, False], r"Pruned: keep: not a list of indices .*pass np.flatnonzero\(mask\)"),
        (Dense(), [0.5], "not a list of indices"),
        (Pool, [0], "Pruned: not a topology"),
        (Pruned(Dense(), [0, 3]), [2], r"keep out of range \(got 2, expected 0 to 1\)"),
    ],
)
def test_what_cannot_be_kept_is_refused(topology: Any, keep: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Pruned(topology, keep)


def test_indices_out_of_range_and_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match=r"keep out of range \(got 6, expected 0 to 5\)"):
        Pruned(Dense(), [6]).check((3,), (2,))
    with pytest.raises(ShapeError, match="postsynaptic shape does not fit"):
        Pruned(Pool(2), [0]).check((2, 4), (2, 3))


@pytest.mark.parametrize(("law", "pre", "post"), EXAMPLES, ids=lambda case: repr(case))
def test_it_is_known_without_listing_whether_pairs_are_listed(law: Topology, pre: Shape, post: Shape) -> None:
    for each in (law, Pruned(law, range(min(1, law.n_slots(pre, post))))):
        assert each.is_listed(pre, post) == (each.listed(pre, post) is not None)
