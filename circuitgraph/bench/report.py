"""What a run prints: live progress, a warning where the data is not what was asked for, and the summary."""

import importlib.metadata
import platform
import statistics
from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from circuitgraph import __version__
from circuitgraph.data import ImageSet
from circuitgraph.train import Report


class Live:
    """Show the phase, how far it is, its metric and the time left."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[metrics]}"),
            console=console,
        )

    def phase(self, seed: int, name: str) -> Report:
        """Open a line for a phase and give the function that moves it."""
        task: TaskID = self.progress.add_task(f"seed {seed}: {name}", total=None, metrics="")

        def report(done: int, total: int, metrics: dict[str, float]) -> None:
            shown = " ".join(f"{k.split('->')[-1]} {v:.3g}" for k, v in metrics.items() if k != "step")
            self.progress.update(task, completed=done, total=total, metrics=shown)

        return report


def announce(console: Console, data: ImageSet) -> None:
    """Say which data is used, loudly where it is not what was asked for."""
    if data.is_fallback:
        text = (
            f"[bold]{data.requested} was not found and could not be downloaded: {data.fallback_reason}[/bold]\n"
            f"This run uses {data.name!r} instead, and every result says so.\n"
            f"Mend: put the publisher's files into a folder and pass --data-dir FOLDER, or set CIRCUITGRAPH_DATA; "
            f"--strict-data makes this an error."
        )
        console.print(Panel(text, title="other data than asked for", border_style="red"))
    else:
        console.print(f"data: {data!r}")


def summary(console: Console, lines: Sequence[dict[str, Any]]) -> None:
    """Print one row per seed and their mean with the spread; then where the time went and what the circuit is."""
    first = lines[0]
    table = Table(title=f"{first['dataset']}, preset {first['preset']}")
    for column in ("seed", "test %", "validation %", "seconds"):
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(str(line["seed"]), _percent(line["test_accuracy"]), _percent(line["validation_accuracy"]),
                      f"{line['seconds']['total']:.1f}")  # fmt: skip
    if len(lines) > 1:
        table.add_section()
        table.add_row(
            "mean",
            *(spread([line[k] for line in lines]) for k in ("test_accuracy", "validation_accuracy")),
            f"{_mean_seconds(lines, 'total'):.1f}",
        )
    console.print(table)
    _goal(console, first)
    phases = ", ".join(f"{p} {_mean_seconds(lines, p):.1f}" for p in first["seconds"] if p != "total")
    console.print(f"seconds of a seed: {phases}", highlight=False, soft_wrap=True)
    for key, what in (("probes", "after each layer"), ("joint_probes", "of all layers up to it")):
        if first.get(key):
            shares = ", ".join(f"{k} {spread([li[key][k] for li in lines])}" for k in first[key])
            console.print(f"linear probe {what}, validation %: {shares}", highlight=False, soft_wrap=True)
    for title, rows in (("epochs", first.get("epochs")), ("edits", first.get("log"))):
        if rows:
            console.print(listed(f"seed {first['seed']}: {title}", rows))
    versions = ", ".join(f"{k} {v}" for k, v in first["versions"].items())
    readout = f", {first['readout_weights']:,} weights of the read-out" if first.get("readout_weights") else ""
    console.print(
        f"{first['n_units']:,} units, {first['n_slots']:,} slots, {first['n_synapses']:,} synapses{readout}; "
        f"activity {first['activity']}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"device {first['device']}; {versions}", highlight=False, soft_wrap=True)


def _mean_seconds(lines: Sequence[dict[str, Any]], phase: str) -> float:
    return statistics.mean(line["seconds"].get(phase, 0.0) for line in lines)


def _goal(console: Console, line: dict[str, Any]) -> None:
    """Say what was published, and what the full preset gives."""
    known = [
        f"{what} {line[key]:g} %"
        for what, key in (("published", "published"), ("the full preset gives", "expected"))
        if line.get(key) is not None
    ]
    if known:
        console.print("; ".join(known), highlight=False)


def listed(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Lay rows with the same keys out as a table; of `x_before` and `x_after` it makes one column x."""
    table = Table(title=title)
    for key in _joined(rows[0]):
        table.add_column(key, justify="right")
    for row in rows:
        table.add_row(*_joined(row).values())
    return table


def _joined(row: dict[str, Any]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, v in row.items():
        name = key.removesuffix("_before").removesuffix("_after")
        text = v if isinstance(v, str) else f"{v:.2f}" if isinstance(v, float) and v != round(v) else f"{v:,.0f}"
        cells[name] = f"{cells[name]} to {text}" if name in cells else text
    return cells


def spread(values: Sequence[float | None]) -> str:
    """Give mean and standard deviation over seeds."""
    known = [v for v in values if v is not None]
    if not known:
        return "-"
    return f"{statistics.mean(known):.2f}" + (f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else "")


def environment(device: torch.device) -> dict[str, Any]:
    """Name the device and the versions that a run depends on."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        processor = torch.cpu.get_capabilities().get("cpu_name", platform.processor() or "CPU")
        name = f"{processor}, {torch.get_num_threads()} threads"
    versions = {p: importlib.metadata.version(p) for p in ("torch", "numpy", "networkx")}
    return {
        "device": f"{device.type} ({name})",
        "versions": {"circuitgraph": __version__, "python": platform.python_version()} | versions,
    }


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
