"""All activity and traces, as named columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from circuitgraph.errors import StateError, UnknownNameError


@dataclass(frozen=True, eq=False)
class State:
    """What is transient in a network: the only carrier of activity between calls.

    `state["l1"]` is the output of a population, `state["l1", "in"]` the total input of a port.  `past` holds, newest
    first, the outputs that delayed projections still have to deliver.

    Shape: every column has the batch first (1 where it has no batch).

    Example:
        >>> import torch, circuitgraph as cg
        >>> state = cg.compile(cg.Circuit().add("x", 2, cg.ReLU())).step(torch.tensor([[-1.0, 1.0]]))
        >>> state["x"].tolist(), state["x", "in"].tolist()
        ([[0.0, 1.0]], [[-1.0, 1.0]])
    """

    fingerprint: str
    columns: Mapping[tuple[str, str], Tensor] = field(default_factory=dict)
    past: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    step: int = 0

    def __getitem__(self, key: str | tuple[str, str]) -> Tensor:
        column = (key, "y") if isinstance(key, str) else key
        if column not in self.columns:
            mend = "name it in compile(keep=...) if a fusion removed it"
            raise UnknownNameError(f"state: no column {column} (got {_list(self.columns)}); {mend}")
        return self.columns[column]

    def __contains__(self, key: object) -> bool:
        return ((key, "y") if isinstance(key, str) else key) in self.columns

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.columns)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{p}.{c} {tuple(t.shape)}" for (p, c), t in self.columns.items())
        return f"State(circuit {self.fingerprint}, step {self.step}: {shapes or 'empty'})"

    def detach(self) -> "State":
        """Cut gradients, for truncated backpropagation through time."""
        columns = {k: v.detach() for k, v in self.columns.items()}
        past = {k: tuple(v.detach() for v in vs) for k, vs in self.past.items()}
        return State(self.fingerprint, columns, past, self.step)

    def require(self, fingerprint: str) -> None:
        """Raise StateError unless this state belongs to the circuit with that fingerprint."""
        if self.fingerprint != fingerprint:
            known = f"state of circuit {self.fingerprint}, expected {fingerprint}"
            raise StateError(
                f"state: belongs to another circuit (got {known}); after an edit, start with step(x) and no state"
            )


def _list(columns: Mapping[tuple[str, str], Tensor]) -> str:
    return ", ".join(f"{p}.{c}" for p, c in columns) or "none"
