"""A circuit as boxes and arrows."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from circuitgraph.ir import Circuit, Projection
from circuitgraph.pictures.links import LABEL_SIZE, Box, Link
from circuitgraph.pictures.place import NAME_SIZE, TEXT_SIZE, Placed, place
from circuitgraph.pictures.source import circuit_of, effect_of
from circuitgraph.pictures.style import EFFECTS, INHIBITS, INK, PALE, PAPER

NOTE_HEIGHT = 26.0


def diagram(circuit: Any, *, ax: Axes | None = None) -> Axes:
    """Draw populations as boxes, from inputs downwards, and projections as arrows with their counts.

    Blue arrows excite, vermilion ones inhibit, grey ones do both; dashed ones are delayed.  Loops run back at the
    side, and populations that only inhibit have a vermilion frame.  A label that finds no free place is left out,
    which a line below says.  Artists carry the names of what they show as gid.

    `circuit` is a circuit or a network.  Without `ax` the figure is as large as the diagram asks for.

    Raises:
        StructureError: for something else, or an empty circuit.

    Example:
        >>> import circuitgraph as cg
        >>> ax = diagram(cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2))
        >>> [text.get_text() for text in ax.texts]
        ['x', '4 units', 'y', '2 units', '8 slots']
    """
    shown = circuit_of(circuit, "diagram")
    placed = place(shown)
    ax = _canvas(placed) if ax is None else ax
    scale = _scale(ax, placed)
    quiet = _inhibitors(shown)
    for name, box in placed.boxes.items():
        _draw_box(ax, box, scale, inhibits=name in quiet, heard=any(p.post == name for p in shown.projections))
    for p in shown.projections:
        _draw_link(ax, placed.links[p.name], p, scale)
    _explain(ax, shown, placed, scale)
    ax.set(xlim=(0, placed.width), ylim=(placed.height + NOTE_HEIGHT, 0), aspect="equal")
    ax.axis("off")
    return ax


def _canvas(placed: Placed) -> Axes:
    wide, high = max(placed.width, 200.0) / 72, (placed.height + NOTE_HEIGHT) / 72
    # Beyond this size, a picture has more points than can be seen or stored; everything in it then shrinks.
    shrink = min(1.0, 60 / max(wide, high))
    return Figure(figsize=(wide * shrink, high * shrink), dpi=120).add_axes((0, 0, 1, 1))


def _scale(ax: Axes, placed: Placed) -> float:
    """Say how many points of the paper one point of the layout gets."""
    area = ax.get_window_extent()
    dpi = ax.figure.dpi
    return min(area.width * 72 / dpi / placed.width, area.height * 72 / dpi / (placed.height + NOTE_HEIGHT))


def _inhibitors(circuit: Circuit) -> set[str]:
    said: dict[str, set[str]] = {}
    for p in circuit.projections:
        said.setdefault(p.pre, set()).add(effect_of(p))
    return {name for name, effects in said.items() if effects == {"inhibits"}}


def _draw_box(ax: Axes, box: Box, scale: float, *, inhibits: bool, heard: bool) -> None:
    corner = box.x - box.width / 2, box.y - box.height / 2
    patch = FancyBboxPatch(
        corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=4", linewidth=1.2 * scale,
        edgecolor=INHIBITS if inhibits else INK, facecolor=PAPER if heard else PALE, gid=box.name, zorder=3,
    )  # fmt: skip
    ax.add_patch(patch)
    heights = {1: (0.0,), 2: (-0.16, 0.2), 3: (-0.27, 0.04, 0.31)}[len(box.lines)]
    for i, (line, at) in enumerate(zip(box.lines, heights, strict=True)):
        size, weight = (NAME_SIZE, "bold") if i == 0 else (TEXT_SIZE, "normal")
        ax.text(
            box.x, box.y + at * box.height, line, ha="center", va="center", fontsize=size * scale, fontweight=weight,
            color=INK, zorder=4, parse_math=False,
        )  # fmt: skip


def _draw_link(ax: Axes, link: Link, p: Projection, scale: float) -> None:
    path = Path(link.curve, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    ax.add_patch(
        FancyArrowPatch(
            path=path,
            arrowstyle="-|>",
            mutation_scale=8 * scale,
            linewidth=1.3 * scale,
            color=EFFECTS[effect_of(p)],
            linestyle=(0, (4, 2)) if p.delay else "-",
            gid=p.name,
            zorder=2,
            fill=True,
        )
    )
    if link.at is not None:
        paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8, "alpha": 0.9}
        ax.text(
            *link.at, link.label, ha="center", va="center", fontsize=LABEL_SIZE * scale, color=INK, bbox=paper,
            zorder=5, linespacing=1.15,
        )  # fmt: skip


def _explain(ax: Axes, circuit: Circuit, placed: Placed, scale: float) -> None:
    """Say below what colours and dashes mean, as far as they occur."""
    there = {effect_of(p) for p in circuit.projections}
    words = {"excites": "excites", "inhibits": "inhibits", "mixed": "both signs"}
    handles = [Line2D([], [], color=EFFECTS[k], label=words[k], linewidth=1.3) for k in EFFECTS if k in there]
    if any(p.delay for p in circuit.projections):
        handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), label="delayed", linewidth=1.3))
    hidden = sum(link.at is None for link in placed.links.values())
    if hidden:
        handles.append(Line2D([], [], linestyle="", label=f"{hidden} labels left out"))
    if handles:
        made = ax.legend(handles=handles, loc="lower left", ncols=5, frameon=False, fontsize=6.5 * scale)
        made.set(gid="legend")
        for text in made.get_texts():
            text.set_color(INK)
