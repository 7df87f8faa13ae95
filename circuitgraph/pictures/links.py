"""Which way a diagram's arrows go, and where their labels find a free place.  Lengths in points."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from circuitgraph.ir import Circuit, Projection
from circuitgraph.pictures.style import amount

Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]
Area = tuple[float, float, float, float]
LABEL_SIZE = 6.5
LETTER = 0.62
"""Width of a letter in text heights, on the safe side for names in capitals."""


@dataclass(frozen=True)
class Box:
    """A population: its centre, its size, and the lines of text in it."""

    name: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """A projection: one cubic Bézier curve from box to box, and its label where one found a free place."""

    name: str
    curve: Curve
    label: str
    at: Point | None


def label_lines(circuit: Circuit, p: Projection) -> tuple[str, ...]:
    """Say how many slots and synapses a projection has, and its delay."""
    n_synapses = p.topology.n_synapses(*circuit.shapes(p))
    counts = f"{amount(p.n_slots)} slots"
    counts = counts if n_synapses == p.n_slots else f"{counts}, {amount(n_synapses)} synapses"
    return (counts, f"delay {p.delay}") if p.delay else (counts,)


def route(circuit: Circuit, boxes: Mapping[str, Box], row: Mapping[str, int]) -> dict[str, Link]:
    """Give each projection a curve: downwards where rows follow each other, else round the side, or a loop."""
    taken = [area(b.x, b.y, b.width + 4, b.height + 4) for b in boxes.values()]
    outs, ins = _ports(circuit, boxes, row)
    beside: dict[str, int] = defaultdict(int)
    links = {}
    for p in circuit.projections:
        pre, post, key = boxes[p.pre], boxes[p.post], p.name
        if p.pre == p.post:
            curve = _loop(pre, beside[p.pre])
            beside[p.pre] += 1
        elif row[p.post] == row[p.pre] + 1 or (row[p.post] > row[p.pre] and _is_free(pre, post, boxes)):
            curve = _down((outs[key], pre.y + pre.height / 2), (ins[key], post.y - post.height / 2))
        else:
            side = _side(pre, post, boxes, row)
            curve = _round(pre, post, boxes, side, beside["right" if side > 0 else "left"])
            beside["right" if side > 0 else "left"] += 1
        text = "\n".join(label_lines(circuit, p))
        links[key] = Link(key, curve, text, _label_place(curve, text, taken))
    return links


def _ports(
    circuit: Circuit, boxes: Mapping[str, Box], row: Mapping[str, int]
) -> tuple[dict[str, float], dict[str, float]]:
    """Spread the ends of arrows over the edges of their boxes, in the order of where they come from and go to."""
    down = [p for p in circuit.projections if row[p.post] > row[p.pre]]
    outs, ins = ({}, {}) if not down else (_spread(down, boxes, True), _spread(down, boxes, False))
    return outs, ins


def _spread(down: list[Projection], boxes: Mapping[str, Box], out: bool) -> dict[str, float]:
    groups: dict[str, list[Projection]] = defaultdict(list)
    for p in down:
        groups[p.pre if out else p.post].append(p)
    at: dict[str, float] = {}
    for name, group in groups.items():
        group.sort(key=lambda p: boxes[p.post if out else p.pre].x)
        step = min(26.0, 0.8 * boxes[name].width / len(group))
        at |= {p.name: boxes[name].x + (i - (len(group) - 1) / 2) * step for i, p in enumerate(group)}
    return at


def _down(a: Point, b: Point) -> Curve:
    bend = 0.45 * (b[1] - a[1])
    return a, (a[0], a[1] + bend), (b[0], b[1] - bend), b


def _loop(box: Box, n: int) -> Curve:
    edge, out = box.x + box.width / 2, 34.0 + 14 * n
    low, high = box.y + box.height * 0.3, box.y - box.height * 0.3
    return (edge, low), (edge + out, low + 8), (edge + out, high - 8), (edge, high)


def _round(pre: Box, post: Box, boxes: Mapping[str, Box], side: int, n: int) -> Curve:
    """Go round the boxes between two: on the right for what runs back, on the left for what skips rows."""
    top, bottom = min(pre.y, post.y) - 1, max(pre.y, post.y) + 1
    edges = [b.x + side * b.width / 2 for b in boxes.values() if top <= b.y <= bottom]
    rim = max(edges) if side > 0 else min(edges)
    far = rim + side * (28.0 + 18 * n)
    ends = [(b.x + side * b.width / 2, b.y + side * 0.15 * b.height) for b in (pre, post)]
    # A cubic reaches three quarters of the way to its inner points.
    out = (far - 0.125 * (ends[0][0] + ends[1][0])) / 0.75
    return ends[0], (out, ends[0][1]), (out, ends[1][1]), ends[1]


def _side(pre: Box, post: Box, boxes: Mapping[str, Box], row: Mapping[str, int]) -> int:
    """Choose the side, 1 for the right, with fewer boxes in the way; else the right is for what runs back."""
    passed = {1: 0, -1: 0}
    for end in (pre, post):
        for other in boxes.values():
            if row[other.name] == row[end.name] and other is not end:
                passed[1 if other.x > end.x else -1] += 1
    if passed[1] != passed[-1]:
        return 1 if passed[1] < passed[-1] else -1
    return 1 if row[post.name] <= row[pre.name] else -1


def _is_free(pre: Box, post: Box, boxes: Mapping[str, Box]) -> bool:
    """Tell whether an arrow downwards over several rows meets no box."""
    curve = _down((pre.x, pre.y + pre.height / 2), (post.x, post.y - post.height / 2))
    points = [bezier(curve, t) for t in np.linspace(0, 1, 25)]
    others = [area(b.x, b.y, b.width + 8, b.height + 4) for b in boxes.values() if b not in (pre, post)]
    return not any(_holds(box, point) for box in others for point in points)


def bezier(curve: Curve, t: float) -> Point:
    """Give the point of a cubic Bézier curve at t from 0 to 1."""
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
    return sum(w * p[0] for w, p in zip(weights, curve, strict=True)), sum(
        w * p[1] for w, p in zip(weights, curve, strict=True)
    )


def area(x: float, y: float, width: float, height: float) -> Area:
    """Give the left, upper, right and lower edge of what lies around a point."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _holds(a: Area, point: Point) -> bool:
    return a[0] <= point[0] <= a[2] and a[1] <= point[1] <= a[3]


def _meets(a: Area, b: Area) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _label_place(curve: Curve, text: str, taken: list[Area]) -> Point | None:
    """Find a place on the curve where a label covers nothing; mark it as taken."""
    lines = text.split("\n")
    size = max(text_width(line, LABEL_SIZE) for line in lines) + 4, 1.35 * LABEL_SIZE * len(lines) + 2
    for t in (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78):
        x, y = bezier(curve, t)
        for shift in (0.0, size[0] / 2, -size[0] / 2):
            here = area(x + shift, y, *size)
            if not any(_meets(here, other) for other in taken):
                taken.append(here)
                return x + shift, y
    return None


def text_width(text: str, size: float) -> float:
    """Estimate the width of a text."""
    return LETTER * size * len(text)
