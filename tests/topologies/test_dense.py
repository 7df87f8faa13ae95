import numpy as np
import pytest

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, Topology
from circuitgraph.topologies import Dense, Gather, OneToOne, Spread


def matrix(law: Topology, pre: Shape, post: Shape) -> np.ndarray:
    """Write the slot of each pair of neurons into a matrix (post, pre); -1 where there is no synapse."""
    table = law.synapses(pre, post)
    out = np.full((int(np.prod(post)), int(np.prod(pre))), -1)
    out[table.post, table.pre] = table.slot
    assert (out >= 0).sum() == len(table)
    return out


def test_dense_weights_are_a_matrix_of_post_times_pre() -> None:
    assert matrix(Dense(), (3,), (2,)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.array_equal(matrix(Dense(), (1, 3), (2, 1)), matrix(Dense(), (3,), (2,)))


def test_dense_slots_are_listed_at_units_where_there_are_no_sites() -> None:
    table = Dense().slots((3,), (2, 2))
    assert (table.pre_end, table.post_end, len(table)) == ("unit", "neuron", 12)


def test_one_to_one_shares_a_slot_over_the_sites_of_a_unit() -> None:
    assert matrix(OneToOne(), (2, 2), (2, 2)).tolist() == [
        [0, -1, -1, -1],
        [-1, 0, -1, -1],
        [-1, -1, 1, -1],
        [-1, -1, -1, 1],
    ]


def test_gather_sums_units_at_each_site_and_spread_is_its_mirror() -> None:
    gather = matrix(Gather(), (3, 2), (1, 2))
    assert gather.tolist() == [[0, -1, 1, -1, 2, -1], [-1, 0, -1, 1, -1, 2]]
    assert np.array_equal(matrix(Spread(), (1, 2), (3, 2)), gather.T)


def test_relays_are_fixed_by_default_and_dense_is_not() -> None:
    assert [law.plastic for law in (Dense(), OneToOne(), Gather(), Spread())] == [True, False, False, False]


@pytest.mark.parametrize(
    ("law", "pre", "post", "message"),
    [
        (
            OneToOne(),
            (3,),
            (2,),
            r"OneToOne\(\): postsynaptic shape does not fit pre \(3,\) \(got \(2,\), expected \(3,\)\)",
        ),
        (Gather(), (3, 2), (2, 2), r"expected \(1, 2\)"),
        (Spread(), (1, 2), (3, 4), r"sites differ \(got pre \(2,\) and post \(4,\)"),
        (Spread(), (2, 2), (3, 2), r"one presynaptic unit spreads to all \(got 2 units, expected 1\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(law: Topology, pre: Shape, post: Shape, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        law.check(pre, post)


def test_units_are_needed_where_the_law_leaves_them_open() -> None:
    for law in (Dense(), Spread()):
        with pytest.raises(ShapeError, match="number of postsynaptic units not given; pass units="):
            law.post_shape((1, 2))
