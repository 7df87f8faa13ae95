"""GraphML: read as a stream, with nothing fetched and nothing expanded, and written so that every tool reads it."""

from collections.abc import Callable, Hashable, Iterator
from typing import IO, Any
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from circuitgraph.errors import FileError, StructureError
from circuitgraph.ir import ABSENT
from circuitgraph.views.columns import column
from circuitgraph.views.files.cells import kind_of_column, to_cells
from circuitgraph.views.files.listing import HEADER, Listing, from_text, to_text

_DEPTH = 64
_CHUNK = 1 << 16
_TYPES: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()],
    "int": lambda text: int(text.strip()),
    "long": lambda text: int(text.strip()),
    "float": lambda text: float(text.strip()),
    "double": lambda text: float(text.strip()),
    "string": str,
}
_ESCAPES = {"\r": "&#13;", '"': "&quot;"}
_IN_QUOTES = {**_ESCAPES, "\n": "&#10;", "\t": "&#9;"}
_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"


def parse(file: IO[bytes]) -> Listing:
    """Read a GraphML file; errors name the line.

    Raises:
        FileError: for a document type, an entity, a hyperedge, a nested graph, a value that is not of its key's type,
            or what is no GraphML.
        StructureError: for a node that comes twice, or an edge to one that is not there.
    """
    reader = _Reader()
    try:
        while chunk := file.read(_CHUNK):
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        said = expat.errors.messages.get(error.code, "unreadable")
        raise FileError(f"line {error.lineno}: not XML ({said}, column {error.offset + 1})") from error
    return reader.listing()


def text_of(listing: Listing) -> bytes:
    """Write a GraphML file."""
    return "".join(_lines(listing)).encode("utf-8")


class _Key:
    """One declared attribute: what it is for, its name and its type, and what it is where it is not said."""

    def __init__(self, given: dict[str, str], line: int) -> None:
        self.domain = given.get("for", "all")
        self.name = given.get("attr.name")
        self.type = given.get("attr.type", "string").strip()
        self.default: Any = ABSENT
        if self.name is not None and self.type not in _TYPES:
            got = f"got {self.type!r}, expected {', '.join(_TYPES)}"
            raise FileError(f"line {line}: key {self.name!r} of an unknown type ({got})")

    def read(self, text: str, line: int) -> Any:
        try:
            return _TYPES[self.type](text)
        except (KeyError, ValueError) as error:
            raise FileError(f"line {line}: {self.name!r} is no {self.type} (got {text[:40]!r})") from error


class _Reader:
    """Follow the elements of a file, one after the other."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._said
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.stack: list[str] = []
        self.keys: dict[str, _Key] = {}
        self.names: dict[str, int] = {}
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[tuple[str, str, int, dict[str, Any]]] = []
        self.graph: dict[str, Any] = {}
        self.directed: bool | None = None
        self.key: _Key | None = None
        self.text: list[str] | None = None

    @property
    def line(self) -> int:
        return int(self.parser.CurrentLineNumber)

    def _refuse(self, *_: object) -> None:
        raise FileError(f"line {self.line}: document types and entities are refused; write the file without <!DOCTYPE>")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        self.stack.append(name)
        if len(self.stack) > _DEPTH:
            raise FileError(f"line {self.line}: nested too deep (got more than {_DEPTH} elements, expected GraphML)")
        if len(self.stack) == 1 and name != "graphml":
            raise FileError(f"line {self.line}: not GraphML (got <{name[:40]}>, expected <graphml>)")
        action = {
            "key": self._on_key, "graph": self._on_graph, "node": self._on_node, "edge": self._on_edge,
            "data": self._on_data, "default": self._on_default, "hyperedge": self._on_hyperedge,
        }.get(name)  # fmt: skip
        if action is not None and self.text is None:
            action(given)

    def _end(self, tag: str) -> None:
        name = self.stack.pop()
        if name in ("data", "default") and self.text is not None and len(self.stack) < 4:
            self._finish("".join(self.text), name)
            self.text = None
        if name == "key":
            self.key = None

    def _said(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)

    def _needs(self, given: dict[str, str], what: str, name: str) -> str:
        if name not in given:
            raise FileError(f"line {self.line}: <{what}> has no {name!r} (got {sorted(given)})")
        return given[name]

    def _on_key(self, given: dict[str, str]) -> None:
        self.key = _Key(given, self.line)
        self.keys[self._needs(given, "key", "id")] = self.key

    def _on_graph(self, given: dict[str, str]) -> None:
        if self.directed is not None:
            raise FileError(f"line {self.line}: a second graph (expected one graph a file, none within a node)")
        self.directed = given.get("edgedefault", "directed") != "undirected"

    def _on_node(self, given: dict[str, str]) -> None:
        name = self._needs(given, "node", "id")
        if name in self.names:
            raise StructureError(f"line {self.line}: node {name!r} comes twice; names are unique")
        self.names[name] = len(self.names)
        self.nodes.append({})

    def _on_edge(self, given: dict[str, str]) -> None:
        pre, post = self._needs(given, "edge", "source"), self._needs(given, "edge", "target")
        own = given.get("directed", "").strip().lower()
        if own and (own in ("true", "1")) != self.directed:
            raise FileError(f"line {self.line}: directed and undirected edges in one graph (expected one kind)")
        self.edges.append((pre, post, self.line, {}))

    def _on_hyperedge(self, given: dict[str, str]) -> None:
        raise FileError(f"line {self.line}: a hyperedge cannot be a slot (expected edges between two nodes)")

    def _on_data(self, given: dict[str, str]) -> None:
        name = self._needs(given, "data", "key")
        if name not in self.keys:
            raise FileError(f"line {self.line}: data of an unknown key (got {name!r}); declare it with <key>")
        self.key, self.text = self.keys[name], []

    def _on_default(self, given: dict[str, str]) -> None:
        self.text = []

    def _finish(self, text: str, name: str) -> None:
        # A key without a name is a drawing tool's own: coordinates, colours.
        if self.key is None or self.key.name is None:
            return
        value = self.key.read(text, self.line)
        if name == "default":
            self.key.default = value
        elif self.stack[-1] == "node":
            self.nodes[-1][self.key.name] = value
        elif self.stack[-1] == "edge":
            self.edges[-1][3][self.key.name] = value
        elif self.stack[-1] == "graph":
            self.graph[self.key.name] = value

    def listing(self) -> Listing:
        """Gather what was read."""
        if self.directed is None:
            raise FileError("not GraphML (expected one <graph>)")
        ends = np.array([[self._index(name, line) for name in (a, b)] for a, b, line, _ in self.edges], np.int64)
        ends = ends.reshape(-1, 2)
        header = self.graph.pop(HEADER, None)
        return Listing(
            list[Hashable](self.names),
            self._columns(self.nodes, "node"),
            ends[:, 0].copy(),
            ends[:, 1].copy(),
            self._columns([edge[3] for edge in self.edges], "edge"),
            None if header is None else from_text(header),
            self.graph,
            self.directed,
            where=[f"line {edge[2]}" for edge in self.edges],
        )

    def _index(self, name: str, line: int) -> int:
        if name not in self.names:
            raise StructureError(f"line {line}: {name!r} is not a node; add it to the nodes")
        return self.names[name]

    def _columns(self, rows: list[dict[str, Any]], domain: str) -> dict[str, np.ndarray]:
        defaults = {k.name: k.default for k in self.keys.values() if k.name is not None and k.domain in (domain, "all")}
        names = dict.fromkeys(name for row in rows for name in row)
        names |= {name: None for name, v in defaults.items() if v is not ABSENT}
        return {
            n: column((row.get(n, defaults.get(n, ABSENT)) for row in rows), f"{domain} attribute {n!r}") for n in names
        }


def _lines(listing: Listing) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="{_NAMESPACE}">\n'
    nodes, edges = _declared("n", "node", listing.nodes), _declared("e", "edge", listing.edges)
    graph = {k: column([v], k) for k, v in listing.attributes.items()}
    if listing.header is not None:
        graph[HEADER] = np.array([to_text(listing.header)])
    whole = _declared("g", "graph", graph)
    for block in (nodes, edges, whole):
        yield from (line for line, _, _ in block)
    yield '<graph edgedefault="directed">\n'
    yield from (_data(key, cells[0]) + "\n" for _, key, cells in whole)
    assert listing.names is not None, "listed with nodes"
    names = [_quoted(name) for name in listing.names]
    for k, name in enumerate(names):
        yield f"<node id={name}>{''.join(_data(key, cells[k]) for _, key, cells in nodes)}</node>\n"
    for k, (pre, post) in enumerate(zip(listing.pre.tolist(), listing.post.tolist(), strict=True)):
        data = "".join(_data(key, cells[k]) for _, key, cells in edges)
        yield f"<edge source={names[pre]} target={names[post]}>{data}</edge>\n"
    yield "</graph>\n</graphml>\n"


def _declared(letter: str, domain: str, columns: dict[str, np.ndarray]) -> list[tuple[str, str, list[Any]]]:
    out = []
    for k, (name, a) in enumerate(columns.items()):
        kind, key = kind_of_column(a), f"{letter}{k}"
        narrow = "float" if a.dtype == np.float32 else "double"
        said = {"bool": "boolean", "int": "long", "float": narrow, "text": "string", "json": "string"}[kind]
        line = f'<key id="{key}" for="{domain}" attr.name={_quoted(name)} attr.type="{said}"/>\n'
        out.append((line, key, to_cells(a, kind, name)))
    return out


def _data(key: str, cell: Any) -> str:
    if cell is ABSENT:
        return ""
    text = escape(cell, _ESCAPES) if isinstance(cell, str) else _number(cell)
    return f'<data key="{key}">{text}</data>'


def _number(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return {"nan": "NaN", "inf": "INF", "-inf": "-INF"}.get(repr(cell), repr(cell))


def _quoted(name: Any) -> str:
    return f'"{escape(str(name), _IN_QUOTES)}"'
