"""`python -m circuitgraph.bench table`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from circuitgraph.bench import pictures
from circuitgraph.bench.commands.options import fail
from circuitgraph.bench.comparison import HEAD, Line, Row, insert, markdown, place_of, read_lines, rows_of
from circuitgraph.errors import CircuitGraphError

PAGES = ("README.md", "docs/hebbian.md")
"""Where the table stands, between `<!-- presets:begin -->` and `<!-- presets:end -->`."""


def bench_table(
    results: Annotated[Path, typer.Option(help="folder with result lines, *.jsonl")] = Path("benchmarks/results"),
    write: Annotated[bool, typer.Option("--write", help="put the table into README.md and docs/hebbian.md")] = False,
    figure: Annotated[Path | None, typer.Option(help="draw accuracy curves of all presets into this file")] = None,
) -> None:
    """Compare the presets: published, ours, and what they cost, from the lines that runs have left."""
    console = Console()
    try:
        lines = read_lines(results)
        rows = rows_of(lines)
        if not rows:
            raise ValueError(f"table: no runs of presets in {results} (got 0 lines); run some with --json into it")
        if write:
            _write(rows)
        if figure is not None:
            _draw(lines, figure)
    except (CircuitGraphError, ValueError, OSError) as error:
        fail(str(error))
    Console(width=max(console.width, 140)).print(_table(rows))
    console.print(f"written: {', '.join(PAGES)}" if write else "--write puts it into the pages", highlight=False)


def _write(rows: list[Row]) -> None:
    for page in PAGES:  # all of them before any is changed
        place_of(Path(page), "presets")
    for page in PAGES:
        insert(Path(page), "\n".join(markdown(rows)), "presets")


def _table(rows: list[Row]) -> Table:
    table = Table(title="Presets")
    for name in HEAD:
        table.add_column(name, justify="left" if name in ("data", "preset", "device") else "right")
    for row in rows:
        table.add_row(*row.cells())
    return table


def _draw(lines: list[Line], path: Path) -> None:
    curves = [line for line in lines if line.get("curve")]
    if not curves:
        raise ValueError("--figure: no run has stored a validation curve (got 0); run a preset again")
    figure = pictures.accuracy_curves(curves).get_figure(root=True)
    assert figure is not None
    figure.savefig(path)
