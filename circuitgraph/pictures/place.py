"""Where a diagram's boxes and arrows go: rows by depth, few crossings, loops at the side.  Lengths in points."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from circuitgraph.ir import Circuit
from circuitgraph.pictures.links import LABEL_SIZE, Box, Link, area, bezier, label_lines, route, text_width
from circuitgraph.pictures.style import say_shape, short

MOST_IN_A_ROW = 8
NAME_SIZE, TEXT_SIZE = 9.0, 7.0
BOX_HEIGHT, ROW_GAP, COLUMN_GAP, MARGIN = 38.0, 46.0, 34.0, 14.0


@dataclass(frozen=True)
class Placed:
    """A diagram laid out: y grows downwards."""

    boxes: Mapping[str, Box]
    links: Mapping[str, Link]
    width: float
    height: float


def place(circuit: Circuit) -> Placed:
    """Lay out a circuit: what hears nobody comes first, what it reaches below, and loops run back at the side."""
    rows = _ordered(_rows(circuit), circuit)
    boxes = _boxes(circuit, rows)
    links = route(circuit, boxes, {name: i for i, row in enumerate(rows) for name in row})
    return _shifted(boxes, links)


def depths(circuit: Circuit) -> dict[str, int]:
    """Give each population the length of the longest way to it; what closes a loop does not count.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "h", cg.Dense(), units=2).connect("h", "y", cg.Dense(), units=1)
        >>> depths(c.connect("y", "h", cg.Dense(), delay=1))
        {'x': 0, 'h': 1, 'y': 2}
    """
    order = {name: i for i, name in enumerate(_sequence(circuit))}
    onward: dict[str, list[str]] = defaultdict(list)
    for p in circuit.projections:
        if order[p.pre] < order[p.post]:
            onward[p.pre].append(p.post)
    depth = dict.fromkeys(order, 0)
    for name in order:
        for post in onward[name]:
            depth[post] = max(depth[post], depth[name] + 1)
    return {p.name: depth[p.name] for p in circuit.populations}


def _sequence(circuit: Circuit) -> list[str]:
    """Order populations so that few projections run against the order, and none without delay does."""
    hard, soft = (_heard(circuit, late) for late in (False, True))
    left, done = [p.name for p in circuit.populations], list[str]()
    reached: set[str] = set()
    speaks: dict[str, list[str]] = defaultdict(list)
    for p in circuit.projections:
        speaks[p.pre].append(p.post)
    while left:
        ready = [name for name in left if not hard[name]]
        free = [name for name in ready if not soft[name]]
        near = [name for name in ready if name in reached]
        chosen = (free or near or ready)[0]
        left.remove(chosen)
        done.append(chosen)
        reached.update(speaks[chosen])
        for post in speaks[chosen]:
            hard[post].discard(chosen)
            soft[post].discard(chosen)
    return done


def _heard(circuit: Circuit, late: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {p.name: set() for p in circuit.populations}
    for p in circuit.projections:
        if bool(p.delay) == late and p.pre != p.post:
            found[p.post].add(p.pre)
    return found


def _rows(circuit: Circuit) -> list[list[str]]:
    by_depth: dict[int, list[str]] = defaultdict(list)
    for name, depth in depths(circuit).items():
        by_depth[depth].append(name)
    rows = []
    for depth in sorted(by_depth):
        names = by_depth[depth]
        most = max(MOST_IN_A_ROW, round(len(names) ** 0.5 * 1.5))
        rows += [names[i : i + most] for i in range(0, len(names), most)]
    return rows


def _ordered(rows: list[list[str]], circuit: Circuit) -> list[list[str]]:
    """Sort each row by where its neighbours in other rows are (Sugiyama, Tagawa and Toda, 1981)."""
    near: dict[str, list[str]] = defaultdict(list)
    for p in circuit.projections:
        if p.pre != p.post:
            near[p.pre].append(p.post)
            near[p.post].append(p.pre)
    for sweep in range(4):
        at = {name: (i + 0.5) / len(row) for row in rows for i, name in enumerate(row)}
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            inside = set(row)
            means = {n: _mean([at[m] for m in near[n] if m not in inside], at[n]) for n in row}
            row.sort(key=means.__getitem__)
            at |= {name: (i + 0.5) / len(row) for i, name in enumerate(row)}
    return rows


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _boxes(circuit: Circuit, rows: list[list[str]]) -> dict[str, Box]:
    texts = {p.name: (short(p.name, 24), say_shape(p.shape), _neuron(p.neuron)) for p in circuit.populations}
    label = max(
        (text_width(line, LABEL_SIZE) for p in circuit.projections for line in label_lines(circuit, p)), default=0.0
    )
    wide = {name: _box_width(lines) for name, lines in texts.items()}
    x = _columns(circuit, rows, wide, max(COLUMN_GAP, min(label, 60.0)))
    boxes = {}
    for i, row in enumerate(rows):
        for name in row:
            y = MARGIN + BOX_HEIGHT / 2 + i * (BOX_HEIGHT + ROW_GAP)
            boxes[name] = Box(name, x[name], y, wide[name], BOX_HEIGHT, tuple(t for t in texts[name] if t))
    return boxes


def _columns(circuit: Circuit, rows: list[list[str]], wide: Mapping[str, float], gap: float) -> dict[str, float]:
    """Put each box under the mean of its neighbours, as far as boxes beside it let it."""
    near: dict[str, set[str]] = defaultdict(set)
    for p in circuit.projections:
        near[p.pre].add(p.post)
        near[p.post].add(p.pre)
    x: dict[str, float] = {}
    for row in rows:
        total = np.cumsum([0.0, *(wide[n] + gap for n in row)])
        x |= {n: float(total[i] + wide[n] / 2 - (total[-1] - gap) / 2) for i, n in enumerate(row)}
    for _ in range(6):
        for row in rows:
            inside = set(row)
            ideal = [_mean([x[m] for m in near[n] if m not in inside], x[n]) for n in row]
            step = [(wide[a] + wide[b]) / 2 + gap for a, b in pairwise(row)]
            shift = np.cumsum([0.0, *step])
            settled = _rising(np.array(ideal) - shift) + shift
            x |= dict(zip(row, settled.tolist(), strict=True))
    return x


def _rising(values: np.ndarray) -> np.ndarray:
    """Give the nearest sequence that never falls, by pooling what does."""
    pools: list[tuple[float, int]] = []
    for v in values.tolist():
        pools.append((v, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return np.repeat([mean for mean, _ in pools], [n for _, n in pools])


def _box_width(lines: tuple[str, ...]) -> float:
    sizes = (NAME_SIZE, TEXT_SIZE, TEXT_SIZE)
    return max(64.0, 12 + max(text_width(t, s) for t, s in zip(lines, sizes, strict=True)))


def _neuron(neuron: object) -> str:
    return "" if neuron is None else short(repr(neuron).replace("()", ""), 26)


def _shifted(boxes: Mapping[str, Box], links: Mapping[str, Link]) -> Placed:
    """Move everything to where x begins at the margin."""
    areas = [area(b.x, b.y, b.width, b.height) for b in boxes.values()]
    for link in links.values():
        points = [bezier(link.curve, t) for t in np.linspace(0, 1, 13)]
        areas += [(x, y, x, y) for x, y in points]
        if link.at is not None:
            lines = link.label.split("\n")
            wide = max(text_width(line, LABEL_SIZE) for line in lines)
            areas.append(area(*link.at, wide, 1.35 * LABEL_SIZE * len(lines)))
    low, high = np.array(areas)[:, :2].min(0) - MARGIN, np.array(areas)[:, 2:].max(0) + MARGIN
    dx, dy = float(-low[0]), float(-low[1])
    new_boxes = {n: Box(n, b.x + dx, b.y + dy, b.width, b.height, b.lines) for n, b in boxes.items()}
    new_links = {n: _moved(link, dx, dy) for n, link in links.items()}
    return Placed(new_boxes, new_links, float(high[0] - low[0]), float(high[1] - low[1]))


def _moved(link: Link, dx: float, dy: float) -> Link:
    a, b, c, d = ((x + dx, y + dy) for x, y in link.curve)
    return Link(link.name, (a, b, c, d), link.label, None if link.at is None else (link.at[0] + dx, link.at[1] + dy))
