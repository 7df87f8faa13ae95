"""Schedules: when something is due, and how far a ramp has come."""

import pytest

from circuitgraph.errors import ShapeError
from circuitgraph.structural import Cubic, Cyclic, Every, Once, Schedule


def due(schedule: Schedule, steps: int = 40) -> list[int]:
    return [step for step in range(steps) if schedule.due(step)]


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        (Once(0), [0]),
        (Once(7), [7]),
        (Every(10), [0, 10, 20, 30]),
        (Every(10, begin=5, end=25), [5, 15, 25]),
        (Every(10, begin=5, end=24), [5, 15]),
        (Cubic(5, 25, 10), [5, 15, 25]),
        (Cubic(5, 22, 10), [5, 15, 22]),
        (Cyclic(10, 3), [10, 20, 30]),
        (Cyclic(1, 2), [1, 2]),
    ],
)
def test_a_schedule_is_due_at_its_steps(schedule: Schedule, steps: list[int]) -> None:
    assert due(schedule) == steps


def test_a_cubic_ramp_follows_the_published_formula_and_is_constant_outside() -> None:
    ramp = Cubic(10, 30, 5, initial=0.9, final=0.1)
    for step in range(10, 31):
        sparsity = 0.9 + (0.1 - 0.9) * (1 - (step - 10) / 20) ** 3
        assert ramp.at(step) == pytest.approx(1 - sparsity)
    assert ramp.at(0) == 0.9
    assert ramp.at(99) == pytest.approx(0.1)
    values = [ramp.at(step) for step in range(40)]
    assert values == sorted(values, reverse=True)


def test_only_ramps_say_a_density() -> None:
    assert [s.at(5) for s in (Once(5), Every(5), Cyclic(5, 2))] == [None] * 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Once(-1),
        lambda: Once(1.5),
        lambda: Every(0),
        lambda: Every(2, begin=5, end=4),
        lambda: Cubic(5, 5, 1),
        lambda: Cubic(0, 5, 0),
        lambda: Cubic(0, 5, 1, initial=0.1, final=0.5),
        lambda: Cubic(0, 5, 1, initial=1.5),
        lambda: Cyclic(0, 1),
        lambda: Cyclic(1, True),
    ],
)
def test_bad_schedules_are_refused_at_once(make: object) -> None:
    with pytest.raises(ShapeError, match="got"):
        make()  # type: ignore[operator]
