"""The contract of an edit: a valid circuit to a valid circuit, and what became of every index."""

from abc import ABC, abstractmethod
from typing import ClassVar

from circuitgraph.ir import Circuit, Remap, Value


class Edit(Value, ABC):
    """Change the structure of a circuit.  Survivors keep their weights bit for bit, their order and their id."""

    kind: ClassVar[str] = "edit"
    reads_weights: ClassVar[bool] = True
    """False where `apply` looks at structure alone: a live network then need not bring its weights home first."""

    @abstractmethod
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        """Return the changed circuit and the remap from new indices to old ones; an edit of nothing is the identity.

        Raises:
            UnknownNameError: a population or projection that does not exist.
            ShapeError: an index out of range.  StructureError: a circuit that would not be valid.
        """

    @classmethod
    @abstractmethod
    def examples(cls) -> "list[tuple[Edit, Circuit]]":
        """Give small instances, each with a circuit that it fits, for the contract tests."""
