"""What the kernel benchmark prints and draws."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from rich.console import Console
from rich.table import Table

from circuitgraph.bench.kernel_work import METHODS
from circuitgraph.kernels.select import METHODS as NEEDED
from circuitgraph.kernels.select import NEAR, NEAR_MS
from circuitgraph.pictures.style import INK

Line = dict[str, Any]

PLACE = ("pre", "density", "batch", "dtype")
SHORT = {"float32": "fp32", "bfloat16": "bf16"}
COLORS = ("#0b6e8a", "#d1495b", "#6a994e", "#8d6a9f", "#e09f3e", "#7a7a7a", "#3a5ba0", "#c77dff")


def tables(console: Console, lines: Sequence[Line]) -> None:
    """Print a table for each method: how many times faster than dense float32 an engine is, over its milliseconds."""
    for method, about in METHODS.items():
        mine = [line for line in lines if line["method"] == method]
        names = list(dict.fromkeys(line["engine"] for line in mine))
        note = "times faster than dense float32, over ms; * what compile would choose"
        table = Table(title=f"{method}: {about}", caption=note)
        table.add_column("neurons, density\nbatch, activity", no_wrap=True)
        for column in names:
            table.add_column(column, justify="right")
        for place, at in itertools.groupby(mine, key=_place):
            cells = {line["engine"]: _cell(line) for line in at}
            n, density, batch, dtype = place
            table.add_row(
                f"{n}, {100 * density:g} %\n{batch}, {SHORT[dtype]}", *(cells.get(name, "") for name in names)
            )
        console.print(table)


def choices(lines: Sequence[Line]) -> list[str]:
    """Say where compile would choose another engine than the fastest measured, and what that costs."""
    out: list[str] = []
    places = 0
    for place, at in itertools.groupby(lines, key=_place):
        here = list(at)
        for what, by, methods in _USES:
            places += 1
            worse = _worse(here, by, methods)
            if worse:
                n, density, batch, dtype = place
                out.append(f"{n} neurons, {100 * density:g} %, batch {batch}, {SHORT[dtype]}, {what}: {worse}")
    good = f"{places - len(out)} of {places} points"
    return [f"compile would choose the fastest engine, or one as good, at {good}", *out]


_USES = (
    ("inference", "push", NEEDED[None]),
    ("a rule", "update", NEEDED["rule"]),
    ("gradients", "train", NEEDED["gradient"]),
)
"""What a projection may be for, the method by whose `chosen` compile's choice is known, and what a step then calls."""


def _worse(here: Sequence[Line], by: str, methods: Sequence[str]) -> str:
    """Compare compile's choice at one place with the fastest engine; "" where it is as good."""
    engines = {line["engine"] for line in here} - {"dense", "sparseprop"}
    ms = {(line["engine"], line["method"]): line["ms"] for line in here}
    totals = {engine: sum(ms[engine, method] for method in methods) for engine in engines}
    best = min(totals, key=lambda engine: totals[engine])
    mine = next((line["engine"] for line in here if line["chosen"] and line["method"] == by), best)
    if totals[mine] <= NEAR * totals[best] + NEAR_MS:
        return ""
    return f"{mine} is {100 * (totals[mine] / totals[best] - 1):.0f} % slower than {best}"


def draw(lines: Sequence[Line], path: Path) -> None:
    """Draw how many times faster than dense each engine is, against density: a panel for each method and size."""
    rows = sorted({(line["pre"], line["batch"]) for line in lines})
    engines = [e for e in dict.fromkeys(line["engine"] for line in lines) if e != "dense"]
    figure = Figure(figsize=(3.4 * len(METHODS), 3.2 * len(rows) + 0.8), dpi=150, layout="constrained")
    panels = figure.subplots(len(rows), len(METHODS), squeeze=False)
    for (i, (n, batch)), (j, method) in itertools.product(enumerate(rows), enumerate(METHODS)):
        here = [line for line in lines if (line["pre"], line["batch"], line["method"]) == (n, batch, method)]
        _panel(panels[i][j], here, engines)
        panels[i][j].set_title(f"{method}, {n} neurons, batch {batch}", fontsize=9, color=INK)
    handles, labels = panels[0][0].get_legend_handles_labels()
    for panel in panels.flat[1:]:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle), labels.append(label)
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)), frameon=False, fontsize=8)
    figure.savefig(path)


def _panel(axes: Axes, lines: Sequence[Line], engines: Sequence[str]) -> None:
    colors = dict(zip(engines, itertools.cycle(COLORS), strict=False)) | {"dense": INK}
    for (name, color), (dtype, style) in itertools.product(colors.items(), (("float32", "-"), ("bfloat16", "--"))):
        known = [line for line in lines if (line["engine"], line["dtype"]) == (name, dtype)]
        if mine := sorted((line["density"], line["ratio_to_dense"]) for line in known):
            label = f"{name} {SHORT[dtype]}"
            axes.plot(*zip(*mine, strict=True), style, marker="o", ms=3, lw=1.2, color=color, label=label)
    axes.set(xscale="log", yscale="log", xlabel="density", ylabel="times faster than dense")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)


def _place(line: Line) -> tuple[Any, ...]:
    return tuple(line[key] for key in PLACE)


def _cell(line: Line) -> str:
    return f"{line['ratio_to_dense']:.3g}x{'*' if line['chosen'] else ''}\n{line['ms']:.3g}"
