"""A share of the units of each site wins, against loops."""

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import ShapeError


def fire(neuron: cg.NearestWinners, u: Tensor) -> Tensor:
    return neuron.respond(neuron.drive({"in": u}, {}, training=False)[0])


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.9])
def test_a_share_of_the_units_of_each_site_wins(share: float, rectified: bool) -> None:
    u = noise(2, 5, 3, 2)
    y = fire(cg.NearestWinners(share, rectified), u)
    for b, r, c in np.ndindex(2, 3, 2):
        site = u[b, :, r, c].tolist()
        k = max(1, min(4, round(share * 5)))
        loser = sorted(site, reverse=True)[k]
        expected = [max(v - loser, 0.0) if rectified else float(v > loser) for v in site]
        assert y[b, :, r, c].tolist() == pytest.approx(expected)
        assert sum(v > 0 for v in expected) == k


@pytest.mark.parametrize("rectified", [False, True])
def test_nobody_wins_where_all_are_equal(rectified: bool) -> None:
    assert not fire(cg.NearestWinners(0.4, rectified), torch.full((3, 5, 2), 7.0)).any()


def test_the_choice_passes_no_gradient_and_what_is_rectified_one_to_winners() -> None:
    for rectified, expected in ((False, [0.0, 0.0, 0.0]), (True, [1.0, 0.0, 0.0])):
        u = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
        fire(cg.NearestWinners(0.3, rectified), u).sum().backward()
        assert u.grad is not None
        assert u.grad.tolist() == [expected]


def test_words_of_one_norm_that_win_are_the_nearest() -> None:
    words, x = (torch.nn.functional.normalize(noise(n, 6), dim=1) for n in (10, 4))
    y = fire(cg.NearestWinners(0.3), x @ words.t())
    for image, fired in zip(x, y, strict=True):
        distance = [float((image - word).norm()) for word in words]
        nearest = sorted(range(10), key=distance.__getitem__)[:3]
        assert sorted(fired.nonzero().flatten().tolist()) == sorted(nearest)


def test_a_lesioned_unit_leaves_its_place_to_the_next() -> None:
    net = cg.compile(cg.Circuit().add("x", 4, cg.NearestWinners(0.5)))
    u = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    assert net(u).tolist() == [[1.0, 1.0, 0.0, 0.0]]
    with net.lesioned({"x": [0]}):
        assert net(u).tolist() == [[0.0, 1.0, 1.0, 0.0]]


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, float("nan"), True, "0.4", None])
def test_a_share_that_is_none_is_refused(share: object) -> None:
    with pytest.raises(ShapeError, match="above 0 and below 1"):
        cg.NearestWinners(share)


def test_one_unit_alone_is_refused_when_compiled() -> None:
    with pytest.raises(ShapeError, match="nobody to compete with"):
        cg.compile(cg.Circuit().add("x", (1, 3), cg.NearestWinners()))
