"""One HTML file that shows a circuit: nothing in it is fetched, and nothing in it is run but its own script."""

import base64
import hashlib
import html
import json
import os
from pathlib import Path
from typing import Any

from circuitgraph.io.file import write_at_once
from circuitgraph.pictures import facts
from circuitgraph.pictures.source import Snapshots, circuit_of, wiring_of
from circuitgraph.views.files.convert import read

HERE = Path(__file__).parent


def report(source: Any, path: str | os.PathLike[str], *, log: Any = None, order: Any = None, title: str = "") -> Path:
    """Write an interactive report of a circuit to one HTML file, and return where.

    It holds tables that sort and filter, a diagram to look around in, the matrix ordered by community, distributions
    and the structural log; it needs no network, and its policy (Content-Security-Policy) forbids any.  Large circuits
    are shown in aggregate: the file stays within a few megabytes.

    `source` is a circuit, a network, or a file that `views.files` reads.  `log` is a network's log, by default
    that of the network; `order` a `Partition` or labels, one per unit, by default communities that are found here.

    Raises:
        StructureError: for another source, or an empty circuit.  ShapeError: for labels that do not fit.
        FileError, OSError: for a file that cannot be read or written.

    Example:
        >>> import circuitgraph as cg, tempfile
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report(c, f"{folder}/c.html").read_text(encoding="utf-8")[:15]
        '<!doctype html>'
    """
    if isinstance(source, str | os.PathLike):
        title = title or Path(source).name
        source = read(source)
    data = report_data(source, log=log, order=order, title=title)
    out = Path(path)
    write_at_once(out, page(data).encode("utf-8"))
    return out


def report_data(source: Any, *, log: Any = None, order: Any = None, title: str = "") -> dict[str, Any]:
    """Gather all that a report shows, as JSON data.  Arguments and errors are those of `report`."""
    circuit = circuit_of(source, "report")
    wiring = wiring_of(circuit, "report")
    history = getattr(source, "log", None) if log is None and isinstance(source, Snapshots) else log
    return {
        "title": title or "circuit",
        "summary": circuit.summary(),
        "fingerprint": circuit.fingerprint,
        "attributes": [[str(k), facts.plain(v)] for k, v in circuit.attributes.items()],
        "populations": facts.population_table(circuit, wiring),
        "projections": facts.projection_table(circuit),
        "diagram": facts.diagram_facts(circuit),
        "weights": facts.weight_histograms(circuit),
        "degrees": facts.degree_facts(circuit, wiring),
        "adjacency": facts.adjacency_facts(wiring, order),
        "log": _log(history),
    }


def page(data: dict[str, Any]) -> str:
    """Write the page around the data: names reach it as JSON and as escaped text only."""
    style, *scripts = (_text(name) for name in ("report.css", "report_charts.js", "report.js"))
    script = "\n".join(scripts)
    parts = {
        "POLICY": f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "TITLE": html.escape(str(data["title"])),
        "SUMMARY": html.escape(str(data["summary"])),
        "STYLE": style,
        # No text in JSON can end the element that holds it, nor begin a comment in it.
        "DATA": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "SCRIPT": script,
    }
    pieces = _text("report.html").split("@@")
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _log(history: Any) -> dict[str, Any] | None:
    """Give the curves and the edits of a log; None where there is none, or nothing in it."""
    if history is None or not history.entries:
        return None
    from circuitgraph.pictures.history import curves_of

    columns = [
        ("edit", "edit", True), ("step", "step", True), ("kind", "kind", False), ("reason", "reason", False),
        ("born", "born", True), ("removed", "removed", True),
    ]  # fmt: skip
    rows = []
    for k, e in enumerate(history.entries):
        born, removed = (
            sum(map(len, (*a.values(), *b.values())))
            for a, b in ((e.born_units, e.born_slots), (e.removed_units, e.removed_slots))
        )
        rows.append((k, e.step, type(e.edit).name, e.reason[:120], born, removed))
    groups = {label: {n: list(map(facts.plain, c)) for n, c in g.items()} for label, g in curves_of(history).items()}
    shown = rows[-facts.MOST_ROWS :]
    return {
        "steps": [e.step for e in history.entries],
        "curves": groups,
        "edits": facts.table(columns, shown, total=len(rows)),
    }
