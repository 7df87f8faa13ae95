"""What the benchmark of communities prints and draws."""

import itertools
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from circuitgraph.bench.communities import METHODS, Line, measure
from circuitgraph.bench.community_tasks import FAMILIES, CommunitySettings
from circuitgraph.bench.report import Live, environment
from circuitgraph.pictures.style import EXCITES, INK

SHOWN = {
    "f1": "F1 %",
    "nmi_leiden": "NMI %\nLeiden",
    "nmi_spectral": "NMI %\nspectral",
    "accuracy_pruned": "test %\npruned",
    "accuracy_after": "test %\nlater",
}


def run(
    console: Console, settings: CommunitySettings, seeds: Sequence[int], folder: Path, as_json: bool, command: str
) -> bool:
    """Measure graph by graph, add each line to results.jsonl as it comes, and tell whether Ctrl-C ended it."""
    common = {"settings": settings.model_dump()} | environment(torch.device("cpu")) | {"command": command}
    lines: list[Line] = []
    stopped, total = False, len(settings.graphs) * len(seeds) * (1 + len(METHODS))
    with Live(console).progress as progress, (folder / "results.jsonl").open("a") as file:
        task = progress.add_task("communities", total=total, metrics="")
        try:
            for name, seed in itertools.product(settings.graphs, seeds):
                for line in measure(name, settings, seed):
                    lines.append(line)
                    written = json.dumps(_short(line) | common)
                    print(written, file=file, flush=True)
                    if as_json:
                        print(written, flush=True)
                    progress.update(task, advance=1, metrics=f"{name}, seed {seed}: {line['method']}")
        except KeyboardInterrupt:
            stopped = True
    if lines:
        tables(console, lines)
        draw(lines, folder / "f1.png")
        console.print(f"{common['device']}; in {folder}: results.jsonl, f1.png", highlight=False, soft_wrap=True)
    return stopped


def tables(console: Console, lines: Sequence[Line]) -> None:
    """Print a table for each kind of graph: mean and standard deviation over seeds, in percent."""
    for name, group in itertools.groupby(lines, key=lambda line: line["graph"]):
        here = list(group)
        first, seeds = here[0], {line["seed"] for line in here}
        edges = f"{first['n_edges']} edges, {first['n_between']} between, in the first of {len(seeds)}"
        note = "NMI: communities found in what is left; test: right after pruning, and after learning on"
        table = Table(title=f"{name}: {FAMILIES[name].about}; {edges}", caption=note)
        table.add_column("method", no_wrap=True)
        for column in SHOWN.values():
            table.add_column(column, justify="right", no_wrap=True)
        for method in ("none", *METHODS):
            mine = [line for line in here if line["method"] == method]
            table.add_row(method, *(_percent([line[key] for line in mine]) for key in SHOWN))
        console.print(table)


def draw(lines: Sequence[Line], path: Path) -> None:
    """Draw each method's F1, seed by seed with the mean, a panel for each kind of graph."""
    names = list(dict.fromkeys(line["graph"] for line in lines))
    figure = Figure(figsize=(2.4 * len(names) + 1.4, 3.4), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for panel, name in zip(panels, names, strict=True):
        for i, method in enumerate(METHODS):
            found = [line["f1"] for line in lines if (line["graph"], line["method"]) == (name, method)]
            if found:
                color = EXCITES if method.startswith(("trace", "hebbian")) else "#9a9a9a"
                panel.barh(i, statistics.mean(found), color=color, height=0.7)
                panel.plot(found, [i] * len(found), "o", ms=2.5, color=INK)
        panel.set_title(name, fontsize=10, color=INK)
        panel.set(xlim=(0, 1.02), xlabel="F1 of removed edges")
        panel.set_yticks(range(len(METHODS)), METHODS, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.savefig(path)


def _percent(shares: Sequence[float]) -> str:
    if not shares:
        return ""
    mean = f"{100 * statistics.mean(shares):.1f}"
    return mean + (f"±{100 * statistics.stdev(shares):.1f}" if len(shares) > 1 else "")


def _short(line: Line) -> dict[str, Any]:
    return {key: round(v, 5) if isinstance(v, float) else v for key, v in line.items()}
