"""The two formats of graphs under their own names, whatever the file is called."""

import os
from pathlib import Path
from typing import Any

from circuitgraph.io.file import write_at_once
from circuitgraph.ir import Circuit
from circuitgraph.views.files import graphml, node_link
from circuitgraph.views.files.limits import MAX_TEXT, named, opened
from circuitgraph.views.files.listing import Listing, listed
from circuitgraph.views.files.plain import circuit_of_graph
from circuitgraph.views.files.restore import restored


def read_graphml(path: str | os.PathLike[str], *, max_bytes: int = MAX_TEXT, **options: Any) -> Circuit:
    """Read a GraphML file, with the options and errors of `read`; document types and entities are refused.

    Example:
        >>> import circuitgraph as cg, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_graphml(cg.Circuit().add("x", 2), f"{folder}/x.xml")
        ...     read_graphml(f"{folder}/x.xml").n_units
        2
    """
    with named(path), opened(Path(path), max_bytes) as file:
        return circuit_of(graphml.parse(file), options)


def write_graphml(circuit: Circuit, path: str | os.PathLike[str]) -> None:
    """Write a GraphML file, which holds every circuit and all of it."""
    with named(path):
        write_at_once(Path(path), graphml.text_of(listed(circuit)))


def read_node_link(path: str | os.PathLike[str], *, max_bytes: int = MAX_TEXT, **options: Any) -> Circuit:
    """Read node-link JSON, with the options and errors of `read`.

    Example:
        >>> import tempfile
        >>> text = '{"nodes": [{"id": 1}, {"id": 2}], "edges": [{"source": 1, "target": 2, "weight": 0.5}]}'
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "g.json").write_text(text)
        ...     read_node_link(f"{folder}/g.json").projections[0].weight.tolist()
        [0.5]
    """
    with named(path), opened(Path(path), max_bytes) as file:
        return circuit_of(node_link.parse(file), options)


def write_node_link(circuit: Circuit, path: str | os.PathLike[str]) -> None:
    """Write node-link JSON, which holds every circuit and all of it."""
    with named(path):
        write_at_once(Path(path), node_link.text_of(listed(circuit)))


def circuit_of(listing: Listing, options: dict[str, Any]) -> Circuit:
    """Make the circuit that was written, where there is a header; else one of a plain graph."""
    return circuit_of_graph(listing, **options) if listing.header is None else restored(listing)
