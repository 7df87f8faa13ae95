from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.errors import StructureError
from circuitgraph.ir.order import zero_delay_order

edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)))


@given(edges, st.permutations(range(8)))
def test_every_population_comes_after_those_that_reach_it(pairs: list[tuple[int, int]], ranks: list[int]) -> None:
    names = [str(i) for i in range(8)]
    forward = [(str(a), str(b)) for a, b in pairs if ranks[a] < ranks[b]]
    order = zero_delay_order(names, forward)
    assert sorted(order) == names
    assert all(order.index(a) < order.index(b) for a, b in forward)


@given(edges)
def test_an_order_that_already_fits_stays(pairs: list[tuple[int, int]]) -> None:
    names = [str(i) for i in range(8)]
    assert zero_delay_order(names, [(str(a), str(b)) for a, b in pairs if a < b]) == names


@given(edges)
def test_a_loop_is_printed_as_a_walk_along_edges(pairs: list[tuple[int, int]]) -> None:
    names, wires = [str(i) for i in range(8)], {(str(a), str(b)) for a, b in pairs}
    try:
        order = zero_delay_order(names, sorted(wires))
    except StructureError as error:
        loop = str(error).removeprefix("circuit: zero-delay loop ").split(";")[0].split(" -> ")
        assert loop[0] == loop[-1]
        assert len(set(loop)) == len(loop) - 1
        assert all(pair in wires for pair in pairwise(loop))
    else:
        assert all(order.index(a) < order.index(b) for a, b in wires)


def test_the_loop_leaves_out_what_only_leads_to_it() -> None:
    with pytest.raises(StructureError, match="zero-delay loop c -> b -> c; give one"):
        zero_delay_order(["c", "a", "b"], [("a", "b"), ("b", "c"), ("c", "b")])


def test_chains_deeper_than_the_recursion_limit_are_sorted() -> None:
    names = [str(i) for i in range(5000)]
    assert zero_delay_order(names[::-1], pairwise(names)) == names
