import numpy as np
import pytest

from circuitgraph.errors import StructureError
from circuitgraph.ir import normal, uniform
from circuitgraph.ir.init import stream


def test_normal_scales_with_the_fan_in_and_survives_none() -> None:
    draws = [normal(2.0)(np.random.default_rng(0), 10, fan_in) for fan_in in (4.0, 16.0, 1.0, 0.0)]
    assert np.allclose(draws[0], 2 * draws[1])
    assert np.array_equal(draws[2], draws[3])
    assert draws[0].dtype == np.float32


def test_uniform_stays_within_its_bounds() -> None:
    w = uniform(-0.5, 0.25)(np.random.default_rng(0), 1000, 10.0)
    assert -0.5 <= w.min() < -0.45
    assert 0.2 < w.max() <= 0.25
    assert w.dtype == np.float32


def test_a_seed_has_one_stream_for_each_name() -> None:
    a, b, again = (stream(3, name).random(4).tolist() for name in ("a", "b", "a"))
    assert a == again != b
    assert stream(4, "a").random(4).tolist() != a


def test_a_generator_is_drawn_from_as_it_stands() -> None:
    rng = np.random.default_rng(0)
    assert stream(rng, "a") is rng


@pytest.mark.parametrize("bad", [-1, 0.5, None, "0", True])
def test_what_is_no_source_of_numbers_is_named(bad: object) -> None:
    with pytest.raises(StructureError, match="rng: not a source of numbers"):
        stream(bad, "a")  # type: ignore[arg-type]
