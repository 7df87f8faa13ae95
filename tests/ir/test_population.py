import copy
import pickle
from typing import ClassVar

import numpy as np
import pytest

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import ABSENT, Population, Value, value
from circuitgraph.topologies import Dense


@value
class Leaky(Value):
    kind: ClassVar[str] = "neuron"
    tau_ms: float = 20.0


def test_counts_and_default_ids() -> None:
    p = Population("x", (3, 2, 2))
    assert (p.n_units, p.n_neurons, p.unit_ids.tolist()) == (3, 12, [0, 1, 2])
    assert Population("x", 3).shape == (3,)  # type: ignore[arg-type]


def test_equality_covers_every_field_and_default_ids_count() -> None:
    base = Population("x", (2,), Leaky(), {"mean": np.zeros(2)}, {"label": ["a", ABSENT]}, np.array([0, 1]))
    assert base == Population("x", (2,), Leaky(), {"mean": np.zeros(2)}, {"label": np.array(["a", ABSENT], object)})
    assert hash(base) == hash(Population("x", (2,), Leaky(20.0)))
    others = [
        Population("y", (2,), Leaky(), base.memory, base.attributes),
        Population("x", (2, 1), Leaky(), base.memory, base.attributes),
        Population("x", (2,), None, base.memory, base.attributes),
        Population("x", (2,), Leaky(), {"mean": np.ones(2)}, base.attributes),
        Population("x", (2,), Leaky(), base.memory, {"label": ["a", "b"]}),
        Population("x", (2,), Leaky(), base.memory, base.attributes, np.array([1, 0])),
    ]
    assert all(base != other for other in others)
    assert base != object()


def test_an_attribute_of_nan_equals_itself() -> None:
    assert Population("x", (1,), attributes={"score": [np.nan]}) == Population(
        "x", (1,), attributes={"score": [np.nan]}
    )


def test_copies_and_other_processes_see_an_equal_population() -> None:
    p = Population("x", (2,), memory={"mean": np.ones(2)}, attributes={"label": ["a", ABSENT]}, ids=np.array([4, 2]))
    for again in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert again == p
        assert not again.memory["mean"].flags.writeable


def test_columns_cannot_be_changed() -> None:
    mean = np.zeros(2)
    p = Population("x", (2,), memory={"mean": mean})
    mean[0] = 5
    assert p.memory["mean"].tolist() == [0, 0]
    with pytest.raises(TypeError):
        p.memory["mean"] = mean  # type: ignore[index]


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "a\nb", 3, None])
def test_a_bad_name_is_refused(name: object) -> None:
    with pytest.raises(StructureError, match=r"population: bad name \(got"):
        Population(name, (2,))  # type: ignore[arg-type]


@pytest.mark.parametrize("neuron", [Leaky, Dense(), "relu", 3])
def test_what_is_no_neuron_is_refused_its_class_included(neuron: object) -> None:
    with pytest.raises(StructureError, match=r"population 'x': not a neuron \(got .*expected e.g. cg.ReLU\(\)"):
        Population("x", (2,), neuron)  # type: ignore[arg-type]


@pytest.mark.parametrize("ids", [[0], [0, 0], [0.5, 1.5], [[0, 1]]])
def test_ids_name_each_unit_once(ids: list[int]) -> None:
    with pytest.raises(ShapeError, match="population 'x': ids"):
        Population("x", (2,), ids=np.array(ids))


def test_an_attribute_has_one_value_for_each_unit() -> None:
    with pytest.raises(ShapeError, match=r"attribute 'label': one value each \(got shape \(3,\), expected \(2,\)\)"):
        Population("x", (2,), attributes={"label": [1, 2, 3]})  # type: ignore[dict-item]
    with pytest.raises(ShapeError, match="attribute 'label': one value each"):
        Population("x", (2,), attributes={"label": [[1], [1, 2]]})  # type: ignore[dict-item]
