"""Rectified powers, against the formula."""

import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import ShapeError


@pytest.mark.parametrize("power", [0.5, 1.0, 4.5])
def test_a_rectified_power_is_its_formula(power: float) -> None:
    u = torch.tensor([[-2.0, 0.0, 0.5, 3.0]], dtype=torch.float64)
    y = cg.RePU(power).respond(cg.RePU(power).drive({"in": u}, {}, training=False)[0])
    assert y.flatten().tolist() == pytest.approx([max(v, 0.0) ** power for v in u.flatten().tolist()])


@pytest.mark.parametrize("power", [0, -1.0, float("inf"), True])
def test_a_power_that_is_not_positive_is_refused(power: float) -> None:
    with pytest.raises(ShapeError, match="power"):
        cg.RePU(power)
