from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.topologies import Conv, Pool

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
AVG_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def apply(law: Topology, pre: Shape, post: Shape, w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum over synapses, for a batch x (B, *pre)."""
    table = law.synapses(pre, post)
    matrix = np.zeros((n_neurons(post), n_neurons(pre)))
    np.add.at(matrix, (table.post, table.pre), table.coef * w[table.slot])
    return (x.reshape(len(x), -1) @ matrix.T).reshape(len(x), *post)


def convolve(law: Conv, pre: Shape, post: Shape, w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Convolve with torch; slots are (post unit, *tap, pre unit within the group)."""
    rank = len(pre) - 1
    window = law.window(rank)
    filters = np.moveaxis(w.reshape(post[0], *window["kernel"], pre[0] // law.groups), -1, 1)
    around = [n for padding in window["padding"][::-1] for n in (padding, padding)]
    padded = F.pad(torch.from_numpy(x), around, "constant" if law.mode == "zeros" else law.mode)
    args = window["stride"], 0, window["dilation"], law.groups
    out: np.ndarray = CONV[rank](padded, torch.from_numpy(filters.copy()), None, *args).numpy()
    return out


def check_against_torch(law: Conv, pre: Shape, post: Shape) -> None:
    law.check(pre, post)
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal(law.n_slots(pre, post)), rng.standard_normal((2, *pre))
    expected = convolve(law, pre, post, w, x)
    assert expected.shape == (2, *post)
    np.testing.assert_allclose(apply(law, pre, post, w, x), expected, rtol=0, atol=1e-12)


def check_tables(law: Topology, pre: Shape, post: Shape) -> None:
    slots, synapses = law.slots(pre, post), law.synapses(pre, post)
    slots.check(pre, post)
    synapses.check(pre, post, len(slots))
    assert (len(slots), len(synapses)) == (law.n_slots(pre, post), law.n_synapses(pre, post))
    assert np.array_equal(np.bincount(synapses.slot, minlength=len(slots)), slots.count)
    assert np.array_equal(slots.pre[synapses.slot], synapses.pre // (n_neurons(pre) // pre[0]))
    assert np.array_equal(slots.post[synapses.slot], synapses.post // (n_neurons(post) // post[0]))
    assert [a.dtype for a in (slots.pre, slots.post, slots.count)] == [np.int64] * 3


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv, Shape, Shape]:
    """Draw a convolution of 1 to 3 dimensions that fits the shapes drawn with it."""
    rank = draw(st.integers(1, 3))
    most = {1: 9, 2: 6, 3: 4}[rank]

    def ints(low: int, high: int) -> Any:
        return draw(st.one_of(st.integers(low, high), st.tuples(*[st.integers(low, high)] * rank)))

    groups = draw(st.integers(1, 2))
    pre = (groups * draw(st.integers(1, 2)), *draw(st.tuples(*[st.integers(1, most)] * rank)))
    law = Conv(
        ints(1, 3), ints(1, 3), ints(0, 2), ints(1, 2), groups, draw(st.sampled_from(["zeros", "reflect", "circular"]))
    )
    try:
        post = law.post_shape(pre, groups * draw(st.integers(1, 2)))
        law.check(pre, post)
    except ShapeError:
        assume(False)
    return law, pre, post


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_any_convolution_is_that_of_torch(drawn: tuple[Conv, Shape, Shape]) -> None:
    check_against_torch(*drawn)
    check_tables(*drawn)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize(
    ("law", "pre", "units"),
    [
        (Conv(3, padding=1), (2, 7), 3),
        (Conv(3, stride=2, padding=2, dilation=2), (2, 8), 2),
        (Conv(3, padding=1), (2, 5, 4), 3),
        (Conv((3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), (4, 7, 6), 6),
        (Conv(3, padding=1, groups=4), (4, 4, 4), 4),
        (Conv(2, stride=2), (2, 4, 2, 6), 2),
        (Conv((1, 3, 2), stride=(1, 2, 1), padding=(0, 1, 1), groups=2), (2, 2, 5, 3), 4),
    ],
    ids=repr,
)
def test_each_padding_is_that_of_torch(law: Conv, pre: Shape, units: int, mode: Any) -> None:
    law = law.replace(mode=mode)
    check_against_torch(law, pre, law.post_shape(pre, units))
    check_tables(law, pre, law.post_shape(pre, units))


@pytest.mark.parametrize(("mode", "most"), [("reflect", 4), ("circular", 5)])
def test_a_border_is_read_from_the_input_once_at_most(mode: Any, most: int) -> None:
    law = Conv(3, padding=most, mode=mode)
    check_against_torch(law, (2, 5), law.post_shape((2, 5), 1))
    law = Conv(3, padding=most + 1, mode=mode)
    with pytest.raises(
        ShapeError, match=rf"padding too wide for mode '{mode}' \(got {most + 1}, expected at most {most}"
    ):
        law.check((2, 5), law.post_shape((2, 5), 1))


def test_a_tap_that_never_meets_the_input_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"got sites \(1, 1\), where 8 of 9 weights would have no synapse"):
        Conv(3, padding=1).check((2, 1, 1), (4, 1, 1))


def test_taps_are_counted_at_the_border() -> None:
    assert Conv(3, padding=1).slots((1, 4, 4), (1, 4, 4)).count.tolist() == [9, 12, 9, 12, 16, 12, 9, 12, 9]
    assert Conv(3, padding=1, mode="reflect").slots((1, 4, 4), (1, 4, 4)).count.tolist() == [16] * 9


def test_weights_lie_unit_after_unit() -> None:
    assert Conv(3).row_length((2, 5, 5), (4, 3, 3)) == 18
    assert Conv(3, groups=2).row_length((2, 5, 5), (4, 3, 3)) == 9


def test_depthwise_needs_no_units() -> None:
    assert Conv(3, groups=4).post_shape((4, 8)) == (4, 6)
    with pytest.raises(ShapeError, match="number of postsynaptic units not given"):
        Conv(3, groups=2).post_shape((4, 8))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"kernel": 0}, r"Conv: kernel: out of range \(got 0, expected integers of at least 1\)"),
        ({"kernel": 2.0}, "Conv: kernel"),
        ({"kernel": ()}, "Conv: kernel"),
        ({"kernel": 3, "stride": 0}, "Conv: stride"),
        ({"kernel": 3, "padding": -1}, r"Conv: padding: out of range \(got -1"),
        ({"kernel": 3, "dilation": True}, "Conv: dilation"),
        ({"kernel": 3, "groups": 0}, r"Conv: bad groups \(got 0"),
        ({"kernel": 3, "mode": "same"}, r"Conv: unknown mode \(got 'same'"),
    ],
)
def test_arguments_are_refused_where_they_are_given(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Conv(**args)


def test_integers_of_numpy_and_lists_are_arguments() -> None:
    assert Conv(np.int64(3), [1, 2], groups=np.int32(1)) == Conv(3, (1, 2))  # type: ignore[arg-type]
    assert repr(Conv(np.int64(3))) == "Conv(kernel=3)"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("law", "pre", "post", "message"),
    [
        (Conv(3), (2,), (4,), "needs 1 to 3 dimensions of sites"),
        (Conv(3), (2, 3, 3, 3, 3), (4, 1, 1, 1, 1), "needs 1 to 3 dimensions"),
        (Conv((3, 3)), (2, 8), (4, 6), r"kernel for another number of dimensions \(got 2, expected 1\)"),
        (Conv(5), (2, 4), (4, 1), r"window larger than the input \(got sites \(4,\)\)"),
        (Conv(3, groups=2), (3, 8), (4, 6), "units not divisible by groups"),
        (Conv(3, groups=2), (4, 8), (3, 6), "got pre 4, post 3, expected multiples of 2"),
        (Conv(3), (2, 8), (4, 8), r"postsynaptic shape does not fit pre \(2, 8\) \(got \(4, 8\), expected \(4, 6\)\)"),
        (Pool(3, padding=2), (2, 8), (2, 4), r"padding above half of the kernel \(got 2, expected at most 1\)"),
        (Pool(2), (2, 8), (3, 4), "postsynaptic shape does not fit"),
        (Pool(9), (2, 8), (2, 1), "window larger than the input"),
    ],
)
def test_shapes_that_do_not_fit_are_named(law: Topology, pre: Shape, post: Shape, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        law.check(pre, post)


@st.composite
def pools(draw: st.DrawFn) -> tuple[Pool, Shape, Shape]:
    """Draw a pool of 1 to 3 dimensions that fits the shapes drawn with it."""
    rank = draw(st.integers(1, 3))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * rank))
    stride = draw(st.one_of(st.none(), st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    law = Pool(kernel, stride, padding, draw(st.sampled_from(["max", "mean"])))
    pre = (draw(st.integers(1, 2)), *draw(st.tuples(*[st.integers(1, {1: 9, 2: 6, 3: 4}[rank])] * rank)))
    try:
        post = law.post_shape(pre)
        law.check(pre, post)
    except ShapeError:
        assume(False)
    return law, pre, post


@settings(max_examples=150, deadline=None)
@given(pools())
def test_any_pool_is_that_of_torch(drawn: tuple[Pool, Shape, Shape]) -> None:
    law, pre, post = drawn
    window, rank = law.window(len(pre) - 1), len(pre) - 1
    args = window["kernel"], window["stride"], window["padding"]
    x = np.random.default_rng(0).standard_normal((2, *pre))
    if law.how == "mean":
        around = [n for padding in window["padding"][::-1] for n in (padding, padding)]
        expected = AVG_POOL[rank](F.pad(torch.from_numpy(x), around), *args[:2]).numpy()
        got = apply(law, pre, post, np.ones(pre[0]), x)
    else:
        expected = MAX_POOL[rank](torch.from_numpy(x), *args).numpy()
        table, flat = law.synapses(pre, post), x.reshape(2, -1)
        got = np.full((2, n_neurons(post)), -np.inf)
        np.maximum.at(got, (slice(None), table.post), flat[:, table.pre])
        got = got.reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    check_tables(law, pre, post)


def test_a_pool_is_fixed_and_says_how_it_reduces() -> None:
    assert (Pool(2).reduce, Pool(2, how="mean").reduce) == ("max", "sum")
    assert not Pool(2).plastic


def test_the_stride_of_a_pool_follows_its_kernel() -> None:
    assert Pool(2).replace(kernel=3).post_shape((1, 9)) == (1, 3)
    assert repr(Pool(2)) == "Pool(kernel=2)"


@pytest.mark.parametrize(
    "args", [{"kernel": None}, {"kernel": 2, "stride": 0}, {"kernel": 2, "padding": None}, {"kernel": 2, "how": "sum"}]
)
def test_arguments_of_a_pool_are_refused_where_they_are_given(args: dict[str, Any]) -> None:
    with pytest.raises(ShapeError, match=r"Pool: .*\(got"):
        Pool(**args)


def test_an_absurd_kernel_is_refused_before_anything_of_its_size_is_made() -> None:
    with pytest.raises(ShapeError, match="kernel too large"):
        Conv(10**9, padding=5 * 10**8).check((1, 4), (1, 4))
