"""A population: neurons of one kind, and what is known about its units."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.ir.columns import check_name, first_free_id, frozen_columns, frozen_ids, same_columns
from circuitgraph.ir.shape import Shape, as_shape, n_neurons
from circuitgraph.ir.value import Value, rebuild, same


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind, shape (units, *sites); `neuron` says what they do, None passes the input on.

    `memory` holds what a neuron keeps for its units between runs (running statistics, thresholds), `attributes`
    what people know about them (labels, cell types; one array (U,) each, `ABSENT` where a unit has no value) and
    `ids` (U,) the identity of each unit for life; `next_id` is the first that was never given to any.

    Raises:
        StructureError: a name that cannot be used, or a neuron that is none.
        ShapeError: a shape that is none, or an attribute or ids of another length.

    Example:
        >>> p = Population("v1", (8, 4, 4), attributes={"layer": [1, 1, 1, 1, 2, 2, 2, 2]})
        >>> p.n_units, p.n_neurons
        (8, 128)
    """

    name: str
    shape: Shape
    neuron: Value | None = None
    memory: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    attributes: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    ids: np.ndarray | None = None
    next_id: int = 0

    def __post_init__(self) -> None:
        check_name("population", self.name)
        where = f"population {self.name!r}"
        object.__setattr__(self, "shape", as_shape(self.shape, where))
        if self.neuron is not None and (not isinstance(self.neuron, Value) or self.neuron.kind != "neuron"):
            raise StructureError(f"{where}: not a neuron (got {self.neuron!r}, expected e.g. cg.ReLU())")
        object.__setattr__(self, "memory", frozen_columns(self.memory, f"{where}: memory"))
        columns = frozen_columns(self.attributes, f"{where}: attribute", self.n_units)
        object.__setattr__(self, "attributes", columns)
        object.__setattr__(self, "ids", frozen_ids(self.ids, self.n_units, where))
        object.__setattr__(self, "next_id", first_free_id(self.ids, self.n_units, self.next_id))

    @property
    def n_units(self) -> int:
        """Count the units."""
        return self.shape[0]

    @property
    def n_neurons(self) -> int:
        """Count the neurons: units times sites."""
        return n_neurons(self.shape)

    @property
    def unit_ids(self) -> np.ndarray:
        """Give the identity of each unit (U,), stable under edits."""
        return np.arange(self.n_units) if self.ids is None else self.ids

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Population):
            return NotImplemented
        mine, theirs = (self.name, self.shape, self.neuron), (other.name, other.shape, other.neuron)
        columns = same_columns(self.memory, other.memory) and same_columns(self.attributes, other.attributes)
        return mine == theirs and columns and same(self.unit_ids, other.unit_ids)

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.neuron))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return rebuild, (type(self), fields | {"memory": dict(self.memory), "attributes": dict(self.attributes)})
