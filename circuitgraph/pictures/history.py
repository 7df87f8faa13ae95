"""How structure changed over training."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from circuitgraph.compiler import Log, Network
from circuitgraph.errors import StructureError
from circuitgraph.pictures.style import INK, SERIES, bare, legend, panels, short, title

MOST = 6
"""Curves in one panel."""
KINDS = {
    "slots": "slots", "units": "units", "density": "density (share of the whole law)",
}  # fmt: skip


def log(source: Any, *, ax: Any = None) -> np.ndarray:
    """Draw slots, units, densities and whatever was watched, over training steps; edits are marked below the curves.

    `source` is a network's log, or the network.  Of each kind, the curves of those that changed are drawn, in all at
    most six; without names come the totals.  Marks have a colour for each kind of edit.

    Raises:
        StructureError: where nothing was edited yet, or for another source.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2))
        >>> remap = net.edit(cg.RemoveSlots("x->y", [0]))
        >>> [ax.get_ylabel() for ax in log(net.log)]
        ['slots', 'units', 'density (share of the whole law)']
    """
    history = source.log if isinstance(source, Network) else source
    if not isinstance(history, Log) or not history.entries:
        got = "got no edit" if isinstance(history, Log) else f"got {type(source).__name__}"
        raise StructureError(f"log: nothing to draw ({got}, expected a network's log with at least one edit)")
    groups = curves_of(history)
    found = panels(ax, len(groups), (4.6, 2.4), columns=2, where="log")
    steps = [e.step for e in history.entries]
    marks = edit_marks(history)
    for one, (label, curves) in zip(found, groups.items(), strict=True):
        _draw(bare(one), label, steps, curves, marks)
    return found


def curves_of(history: Log) -> dict[str, dict[str, list[float]]]:
    """Sort the log's curves by what they measure: {"slots": {"all": [...], name: [...]}, ...}; those watched last."""
    counts = [e.counts for e in history.entries]
    names = list(dict.fromkeys(name for c in counts for name in c))
    groups: dict[str, dict[str, list[float]]] = {label: {} for label in KINDS.values()}
    for name in names:
        kind, _, rest = name.partition(" ")
        curve = [float(c.get(name, float("nan"))) for c in counts]
        if kind in KINDS:
            groups[KINDS[kind]][rest or "all"] = curve
        else:
            groups[name] = {name: curve}
    return {label: _telling(curves) for label, curves in groups.items() if curves}


def _telling(curves: dict[str, list[float]]) -> dict[str, list[float]]:
    """Keep the total and what changed most, in the order given."""
    spread = {n: _relative_change(c) for n, c in curves.items()}
    most = sorted((n for n in curves if n != "all" and spread[n] > 0), key=lambda n: -spread[n])
    kept = {*most[: MOST - 1], *(("all",) if "all" in curves else ())} or set(list(curves)[:MOST])
    return {n: c for n, c in curves.items() if n in kept}


def _relative_change(curve: list[float]) -> float:
    values = np.array([v for v in curve if v == v])
    return float(np.ptp(values) / max(1e-12, np.abs(values).max())) if len(values) else 0.0


def edit_marks(history: Log) -> dict[str, list[int]]:
    """Give the steps of the edits that changed something, by kind.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2))
        >>> remap = net.edit(cg.RemoveSlots("x->y", [0]))
        >>> edit_marks(net.log)
        {'remove-slots': [0]}
    """
    marks: dict[str, list[int]] = {}
    for e in history.entries:
        if e.changed:
            marks.setdefault(type(e.edit).name, []).append(e.step)
    return marks


def _draw(ax: Axes, label: str, steps: list[int], curves: dict[str, list[float]], marks: dict[str, list[int]]) -> None:
    handles, labels = [], []
    for (name, curve), color in zip(curves.items(), (INK, *SERIES), strict=False):
        handles += ax.step(steps, curve, where="post", color=color, linewidth=1.4 if name == "all" else 1.0, marker=".")
        labels.append(short(name, 18))
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.12 * (high - low), high)
    for (kind, at), color in zip(marks.items(), SERIES * (1 + len(marks) // len(SERIES)), strict=False):
        mark = ax.plot(at, [0.03] * len(at), "|", transform=ax.get_xaxis_transform(), color=color, markersize=8)
        handles += mark
        labels.append(f"edit: {kind}")
    ax.set_xlabel("training step", fontsize=8, color=INK)
    ax.set_ylabel(short(label, 34), fontsize=8, color=INK, parse_math=False)
    legend(ax, handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    title(ax, f"{short(label.split(' (')[0], 30)} over training")
