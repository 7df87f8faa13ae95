"""Rows: the adjacency of a graph in arrays, read as networkx reads its dictionaries of dictionaries."""

from collections.abc import Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitgraph.views.columns import rows_of

Attributes = Mapping[str, Any]


class Row(Mapping[Hashable, Attributes]):
    """The neighbours of one node, each with the attributes of the edge; made when they are first asked for."""

    def __init__(self, table: "Rows", first: int, last: int) -> None:
        self._table, self._first, self._last = table, first, last
        self._made: Mapping[Hashable, Attributes] | None = None

    @property
    def _all(self) -> Mapping[Hashable, Attributes]:
        if self._made is None:
            edge = self._table.edge[self._first : self._last]
            data = rows_of({name: a[edge] for name, a in self._table.columns.items()}, len(edge))
            self._made = MappingProxyType(dict(zip(self, map(MappingProxyType, data), strict=True)))
        return self._made

    def __len__(self) -> int:
        return self._last - self._first

    def __iter__(self) -> Iterator[Hashable]:
        return map(self._table.names.__getitem__, self._table.post[self._first : self._last].tolist())

    def __contains__(self, name: object) -> bool:
        if self._made is not None:
            return name in self._made
        number = self._table.index.get(name)
        return number is not None and bool((self._table.post[self._first : self._last] == number).any())

    def __getitem__(self, name: Hashable) -> Attributes:
        return self._all[name]

    def items(self) -> Any:
        return self._all.items()

    def values(self) -> Any:
        return self._all.values()

    def keys(self) -> Any:
        return self._all.keys()

    def copy(self) -> dict[Hashable, dict[str, Any]]:
        """Give the row as dictionaries that can be changed."""
        return {name: dict(data) for name, data in self._all.items()}

    def __repr__(self) -> str:
        return repr(self.copy())


class Rows(Mapping[Hashable, Row]):
    """One row per node.  Shape: begins (N + 1,), post and edge (M,): neighbour and number of the edge."""

    def __init__(
        self,
        names: list[Hashable],
        index: Mapping[Any, int],
        rows: tuple[np.ndarray, np.ndarray, np.ndarray],
        columns: Mapping[str, np.ndarray],
    ) -> None:
        self.names, self.columns = names, columns
        self.begins, self.post, self.edge = rows
        self.index, self._rows = index, dict[int, Row]()

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.index

    def __getitem__(self, name: Hashable) -> Row:
        i = self.index[name]
        row = self._rows.get(i)
        if row is None:
            row = self._rows[i] = Row(self, int(self.begins[i]), int(self.begins[i + 1]))
        return row

    def copy(self) -> dict[Hashable, dict[Hashable, dict[str, Any]]]:
        """Give all rows as dictionaries that can be changed."""
        return {name: row.copy() for name, row in self.items()}

    def __repr__(self) -> str:
        return repr(self.copy())


class Records(Mapping[Hashable, Attributes]):
    """The attributes of every node, made when they are first asked for."""

    def __init__(self, names: list[Hashable], index: Mapping[Any, int], columns: Mapping[str, np.ndarray]) -> None:
        self._names, self._index, self._columns = names, index, columns
        self._made: list[Attributes] | None = None

    @property
    def _all(self) -> list[Attributes]:
        if self._made is None:
            self._made = list(map(MappingProxyType, rows_of(self._columns, len(self._names))))
        return self._made

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __getitem__(self, name: Hashable) -> Attributes:
        return self._all[self._index[name]]

    def copy(self) -> dict[Hashable, dict[str, Any]]:
        """Give all attributes as dictionaries that can be changed."""
        return {name: dict(data) for name, data in zip(self._names, self._all, strict=True)}

    def __repr__(self) -> str:
        return repr(self.copy())
