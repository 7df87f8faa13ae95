"""The command line: `python -m circuitgraph report | describe | convert | prune FILE`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from circuitgraph.errors import CircuitGraphError
from circuitgraph.ir import Circuit
from circuitgraph.views.files import convert as files

T = TypeVar("T")
PARTS = {
    "populations": ("n_units", "n_sites", "neuron"),
    "projections": ("n_slots", "n_synapses", "density", "reciprocity", "delay", "fixed"),
    "weights": ("weight_mean", "weight_std", "weight_min", "weight_max", "negative"),
    "degrees": ("in_degree_mean", "in_degree_max", "out_degree_mean", "out_degree_max"),
    "laws": ("pre", "post", "topology", "rule"),
}
SCORES = ("magnitude", "random", "community")
CircuitFile = Annotated[Path, typer.Argument(metavar="FILE", help="a saved circuit, or any file that `convert` reads")]
Nodes = Annotated[Path | None, typer.Option(help="second table of an edge list: its nodes")]
NO_TRACE = (CircuitGraphError, OSError, ValueError, MemoryError)

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True,
    help="Look at circuits in files, convert and prune them.  Benchmarks: python -m circuitgraph.bench",
)  # fmt: skip


@app.command()
def report(
    file: CircuitFile,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="the page (default: FILE with the ending .html)")
    ] = None,
    title: Annotated[str, typer.Option(help="what the page is called (default: the file's name)")] = "",
    nodes: Nodes = None,
) -> None:
    """Write one interactive HTML page about a circuit; it needs no network."""
    from circuitgraph.pictures import report as write

    to = out or file.with_suffix(".html")
    if to == file:
        _fail(f"{file}: would be overwritten by its own report; pass -o OUT.html")
    circuit = _read(file, nodes)
    _try(lambda: write(circuit, to, title=title or file.name))
    _say(f"{to}: {circuit.summary()}, {to.stat().st_size / 1e6:.2g} MB")


@app.command()
def describe(
    file: CircuitFile,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
    nodes: Nodes = None,
) -> None:
    """Print one table about a circuit: a row per population and projection."""
    circuit = _read(file, nodes)
    frame = _try(circuit.describe)
    rows = [{"name": name} | _plain(row) for name, row in zip(frame.index, frame.to_dict("records"), strict=True)]
    if as_json:
        print(
            json.dumps(
                {"file": file.name, "summary": circuit.summary(), "fingerprint": circuit.fingerprint, "rows": rows}
            )
        )
        return
    _say(circuit.summary())
    _print_tables(rows)


@app.command()
def convert(
    file: CircuitFile,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="where to; its ending says the format")],
    nodes: Nodes = None,
    out_nodes: Annotated[Path | None, typer.Option(help="second table of an edge list that is written")] = None,
    weight: Annotated[str, typer.Option(help="attribute or column that holds the weights")] = "weight",
    merge: Annotated[bool, typer.Option("--merge", help="add up the weights of pairs that come twice")] = False,
    lossy: Annotated[
        bool, typer.Option("--lossy", help="write what the format can say, and list what it cannot")
    ] = False,
) -> None:
    """Write a circuit in another format: the endings of both names say which."""
    circuit = _try(lambda: files.read(_there(file), nodes=nodes, weight=weight, merge="sum" if merge else None))
    for line in _try(lambda: files.write(circuit, out, nodes=out_nodes, lossy=lossy)):
        Console(stderr=True).print(f"lost: {line}", markup=False, highlight=False, soft_wrap=True)
    _say(f"{out}: {circuit.summary()}")


@app.command()
def prune(
    file: CircuitFile,
    amount: Annotated[str, typer.Option(help="a share of the slots, 0.5, or a number of each projection's, 100")],
    out: Annotated[Path, typer.Option("-o", "--out", help="where the pruned circuit goes")],
    score: Annotated[
        str, typer.Option(help="magnitude, random, or community: what runs between them goes first")
    ] = "magnitude",
    projection: Annotated[list[str] | None, typer.Option(help="prune this one only; may be given again")] = None,
    units: Annotated[bool, typer.Option("--units", help="remove whole units instead of slots")] = False,
    seed: Annotated[int, typer.Option(help="of the random score and of finding communities")] = 0,
    nodes: Nodes = None,
) -> None:
    """Remove the slots of each projection that score lowest, and save what is left."""
    if score not in SCORES:
        _fail(f"--score: unknown (got {score!r}, expected one of {', '.join(SCORES)})")
    circuit = _read(file, nodes)
    from circuitgraph.structural import Prune
    from circuitgraph.structural.torch_names import as_amount

    much = _try(lambda: as_amount(_amount(amount)), code=2)
    law = Prune(
        _try(lambda: _score(score, circuit, seed)),
        much,
        projections=tuple(projection) if projection else None,
        units=units,
    )
    pruned, _ = _try(lambda: law.apply(circuit, rng=seed))
    _write(pruned, out)
    _say(f"{out}: {circuit.n_slots:,} slots before, {pruned.n_slots:,} after; {pruned.summary()}")


def _score(name: str, circuit: Circuit, seed: int) -> Any:
    """Make a score; communities are found among the units of all populations at once."""
    from circuitgraph.structural import Community, Magnitude, Random

    if name != "community":
        return Magnitude() if name == "magnitude" else Random()
    from circuitgraph.communities import leiden
    from circuitgraph.pictures.source import wiring_of

    wiring = wiring_of(circuit, "prune")
    labels = leiden(wiring.matrix, rng=seed).labels
    spans = zip(wiring.names, wiring.begins, wiring.begins[1:], strict=False)
    return Community({population: labels[begin:end] for population, begin, end in spans})


def _amount(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"--amount: not a number (got {text!r}, expected a share such as 0.5, or a count)") from error


def _there(path: Path) -> Path:
    if not path.is_file():
        _fail(f"{path}: no such file", code=1)
    return path


def _read(path: Path, nodes: Path | None) -> Circuit:
    return _try(lambda: files.read(_there(path), nodes=nodes))


def _write(circuit: Circuit, path: Path) -> None:
    _try(lambda: files.write(circuit, path))


def _try(act: Callable[[], T], code: int = 1) -> T:
    """Do something that may refuse; if it does, say why in one line and end."""
    try:
        return act()
    except NO_TRACE as error:
        _fail(str(error) or type(error).__name__, code)


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Make JSON of a row of a table; what is not there (None, NaN, NA) becomes None."""
    # NA is equal to nothing, not even to itself, and says so with neither True nor False.
    return {str(k): v if (v == v) is True else None for k, v in row.items()}


def _print_tables(rows: list[dict[str, Any]]) -> None:
    """Print what there is of projections in tables that fit a narrow terminal, one for each kind of fact."""
    for title, keys in PARTS.items():
        mine = [row for row in rows if any(row.get(key) is not None for key in keys)]
        used = [key for key in keys if any(row.get(key) is not None for row in mine)]
        if not mine:
            continue
        table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("name", overflow="fold")
        for key in used:
            number = not any(isinstance(row.get(key), str | bool) for row in mine)
            table.add_column(key.replace("_", " "), justify="right" if number else "left", overflow="fold")
        for row in mine:
            table.add_row(Text(row["name"]), *(_cell(row.get(key)) for key in used))
        Console().print(table)


def _cell(v: Any) -> Text:
    if v is None or isinstance(v, bool):
        return Text("" if v is None else "yes" if v else "no")
    if isinstance(v, str):
        return Text(v)
    return Text(f"{v:,}" if isinstance(v, int) else f"{v:.4g}")


def _say(text: str) -> None:
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def _fail(message: str, code: int = 2) -> NoReturn:
    line = " ".join(message.split())
    Console(stderr=True).print(f"error: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    app(prog_name="python -m circuitgraph")
