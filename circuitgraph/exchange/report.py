"""What a conversion could not say."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from circuitgraph.errors import StructureError


@dataclass
class Report:
    """A list of what was lost on the way: where, and why.  Without a report a conversion that loses something fails.

    Example:
        >>> report = Report()
        >>> report.note("population 'h'", "no rate neurons", "use LIF")
        >>> print(report)
        population 'h': no rate neurons; use LIF
        >>> len(report)
        1
    """

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, where: str, what: str, mend: str) -> None:
        """Add one thing that could not be said."""
        self.lines.append((where, what, mend))

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __str__(self) -> str:
        return "\n".join(f"{where}: {what}; {mend}" for where, what, mend in self.lines) or "nothing was lost"


class Strict(Report):
    """A report that nobody asked for: the first loss is an error."""

    def __init__(self, tool: str) -> None:
        super().__init__()
        self.tool = tool

    def note(self, where: str, what: str, mend: str) -> None:
        raise StructureError(f"{self.tool}: {where}: {what}; {mend}, or pass report=Report() to go without")
