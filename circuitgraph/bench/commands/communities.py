"""`python -m circuitgraph.bench communities`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from circuitgraph.bench import community_report, community_tasks
from circuitgraph.bench.commands.options import checked, command_line, fail, seeds_of
from circuitgraph.errors import CircuitGraphError


def bench_communities(
    graphs: Annotated[str | None, typer.Option(help="which graphs: 'blocks,lfr,attached,hidden'")] = None,
    seeds: Annotated[str, typer.Option(help="how many seeds, or which: '3' or '0,5,7'")] = "3",
    quick: Annotated[bool, typer.Option("--quick", help="two kinds of graphs, a short training")] = False,
    out: Annotated[Path, typer.Option(help="folder for results and the picture")] = Path("runs/communities"),
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON line per result and nothing else on standard output")
    ] = False,
) -> None:
    """Prune edges between weakly interacting nodes of a graph network, against communities, chance and the truth."""
    console = Console(stderr=as_json)
    base = community_tasks.QUICK if quick else community_tasks.CommunitySettings()
    try:
        changes = {"graphs": None if graphs is None else tuple(graphs.split(","))}
        settings, numbers = checked(base, changes), seeds_of(seeds)
        out.mkdir(parents=True, exist_ok=True)
    except (CircuitGraphError, ValueError, OSError) as error:
        fail(str(error))
    try:
        stopped = community_report.run(console, settings, numbers, out, as_json, command_line())
    except CircuitGraphError as error:
        fail(str(error), code=1)
    if stopped:
        console.print("stopped: not all seeds and methods finished")
        raise typer.Exit(130)
