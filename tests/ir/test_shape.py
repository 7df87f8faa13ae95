import numpy as np
import pytest

from circuitgraph.errors import ShapeError
from circuitgraph.ir import n_ends, n_neurons, n_sites
from circuitgraph.ir.shape import as_shape, is_integer


def test_neurons_are_units_times_sites() -> None:
    for shape in ((5,), (5, 2), (5, 2, 3)):
        assert n_neurons(shape) == shape[0] * n_sites(shape)
        assert [n_ends(shape, end) for end in ("unit", "site", "neuron")] == [5, n_sites(shape), n_neurons(shape)]


def test_shapes_are_read_from_integers_of_python_and_numpy() -> None:
    shape = as_shape((np.int64(3), 4))
    assert shape == (3, 4)
    assert all(type(n) is int for n in shape)
    assert as_shape(np.int32(7)) == (7,)


@pytest.mark.parametrize("bad", [0, -1, (), (3, 0), (3.0,), "3", None, True, (2, True)])
def test_a_shape_that_is_none_is_named_with_its_place(bad: object) -> None:
    with pytest.raises(ShapeError, match=r"population 'x': not a shape \(got .*expected positive integers"):
        as_shape(bad, "population 'x'")


def test_truth_values_are_no_integers() -> None:
    assert is_integer(np.int8(1), 1)
    assert not is_integer(np.bool_(True), 0)
    assert not is_integer(0, 1)
