"""Units laid out on a sheet, wired to their neighbours; and centre-surround weights by distance."""

import math
from functools import lru_cache

import numpy as np

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir.shape import Shape, is_integer, n_sites
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology
from circuitgraph.ir.value import frozen_array, value
from circuitgraph.registry import topologies
from circuitgraph.topologies.sparse import resized_pairs


@topologies.register("lateral")
@value
class Lateral(Topology):
    """Connect units to their neighbours on a sheet of rows and columns, one slot for each pair within `radius`.

    Unit = row * columns + column.  Distance is Euclidean, in units; with `wrap` the sheet is a torus.  Where there are
    sites, a slot is shared by all of them.  Slots are sorted by (post, pre).

    Raises:
        ShapeError: at once for a sheet or a radius out of range; in `check` for populations of another size.

    Example:
        >>> law = Lateral((2, 3), 1.0)
        >>> law.slots((6,), (6,)).pre[:5].tolist(), law.n_slots((6,), (6,))
        ([1, 3, 0, 2, 4], 14)
    """

    sheet: tuple[int, int]
    radius: float
    wrap: bool = False
    self_loops: bool = False

    def __post_init__(self) -> None:
        sheet = tuple(self.sheet) if isinstance(self.sheet, tuple | list) else ()
        if len(sheet) != 2 or not all(is_integer(n, 1) for n in sheet):
            raise ShapeError(f"Lateral: sheet (got {self.sheet!r}, expected rows and columns, two positive integers)")
        need_length("Lateral: radius", self.radius)
        object.__setattr__(self, "sheet", (int(sheet[0]), int(sheet[1])))

    def positions(self) -> np.ndarray:
        """Give the row and column of each unit.  Shape: -> (U, 2) int64.

        Example:
            >>> Lateral((2, 2), 1.0).positions().tolist()
            [[0, 0], [0, 1], [1, 0], [1, 1]]
        """
        return np.indices(self.sheet).reshape(2, -1).T

    def distances(self) -> np.ndarray:
        """Give the distance between the two units of each slot.  Shape: -> (K,) float64.

        Example:
            >>> Lateral((1, 4), 2.0, wrap=True).distances()[:3].tolist()
            [1.0, 2.0, 1.0]
        """
        return _pairs(self)[2]

    def centre_surround(
        self, sigma_e: float, sigma_i: float, *, surround: float = 1.0, strength: float = 1.0
    ) -> np.ndarray:
        """Give each slot the difference of Gaussians at its distance, balanced over all that a unit hears.

        The centre counts in the balance where self loops are left out too, so neighbours are inhibited, and no unit
        hears weights of a positive sum.  Shape: -> (K,) float32.  Raises as `difference_of_gaussians`.

        Example:
            >>> Lateral((1, 3), 1.0).centre_surround(0.5, 2.0).astype(float).round(2).tolist()
            [-0.35, -0.21, -0.21, -0.35]
        """
        pre, post, distance = _pairs(self.replace(self_loops=True))
        keep = (pre != post) | self.self_loops
        return _rounded_down(_difference(distance, post, sigma_e, sigma_i, surround, strength)[keep], post[keep])

    def slots(self, pre: Shape, post: Shape) -> Slots:
        at_pre, at_post, _ = _pairs(self)
        return Slots(at_pre, at_post, np.full(len(at_pre), n_sites(pre), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        at_pre, at_post, _ = _pairs(self)
        sites = np.arange(n_sites(pre))
        slot = np.broadcast_to(np.arange(len(at_pre))[:, None], (len(at_pre), len(sites)))
        return Synapses.build(at_pre[:, None] * len(sites) + sites, at_post[:, None] * len(sites) + sites, slot)

    def listed(self, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray] | None:
        return _pairs(self)[:2] if n_sites(pre) == 1 else None

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        if n_sites(pre) > 1:
            got = f"got sites {pre[1:]}, expected none"
            raise StructureError(f"{self!r}: a change of units leaves no sheet to share ({got}); use Conv(1)")
        # A sheet with holes is no sheet: its pairs are listed from now on.
        return resized_pairs(*_pairs(self)[:2], pre, post, pre_units, post_units)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        if pre[0] != math.prod(self.sheet):
            got = f"got {pre[0]}, expected {math.prod(self.sheet)}"
            raise ShapeError(f"{self!r}: another number of units than places ({got}); change the sheet")
        return pre

    def n_slots(self, pre: Shape, post: Shape) -> int:
        (rows, columns), (down, right) = self.sheet, _near(self)
        if self.wrap:
            return len(down) * rows * columns
        return int(((rows - abs(down)) * (columns - abs(right))).sum())

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return self.n_slots(pre, post) * n_sites(pre)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [
            (cls((2, 3), 1.5), (6,), (6,)),
            (cls((3, 4), 1.0, wrap=True), (12,), (12,)),
            (cls((1, 4), 2.0, wrap=True, self_loops=True), (4,), (4,)),
            (cls((2, 2), 1.0), (4, 3), (4, 3)),
            (cls((1, 1), 1.0), (1,), (1,)),
        ]


def difference_of_gaussians(
    distance: np.ndarray,
    post: np.ndarray | None = None,
    *,
    sigma_e: float,
    sigma_i: float,
    surround: float = 1.0,
    strength: float = 1.0,
) -> np.ndarray:
    """Excite near by and inhibit around (Rodieck 1965).

    w[k] = strength * (e[k] / sum of e - surround * i[k] / sum of i), with
    e = exp(-d^2 / 2 sigma_e^2), i = exp(-d^2 / 2 sigma_i^2).  Sums run over the slots of the same `post` (default: one
    for all), so what each hears sums to strength * (1 - surround): at most zero, also after rounding, at borders too.
    Shape: distance, post (K,) -> (K,) float32.

    Raises:
        ShapeError: unless 0 < sigma_e < sigma_i, surround is at least 1, and strength is positive.

    Example:
        >>> w = difference_of_gaussians(np.array([2.0, 1.0, 0.0, 1.0, 2.0]), sigma_e=0.5, sigma_i=1.0)
        >>> w.astype(float).round(2).tolist(), bool(w.sum(dtype=float) <= 0)
        ([-0.05, -0.14, 0.38, -0.14, -0.05], True)
    """
    distance = np.asarray(distance, dtype=np.float64)
    post = np.zeros(len(distance), np.int64) if post is None else np.asarray(post)
    return _rounded_down(_difference(distance, post, sigma_e, sigma_i, surround, strength), post)


def _difference(
    distance: np.ndarray, post: np.ndarray, sigma_e: float, sigma_i: float, surround: float, strength: float
) -> np.ndarray:
    numbers = {"sigma_e": sigma_e, "sigma_i": sigma_i, "surround": surround, "strength": strength}
    for name, number in numbers.items():
        need_length(f"difference of Gaussians: {name}", number)
    if sigma_e >= sigma_i:
        got = f"got sigma_e={sigma_e!r} and sigma_i={sigma_i!r}, expected the centre to be narrower"
        raise ShapeError(f"difference of Gaussians: no surround ({got})")
    if surround < 1:
        got = f"got {surround!r}, expected a number of at least 1"
        raise ShapeError(f"difference of Gaussians: surround would not inhibit ({got})")
    return strength * (_shares(distance, post, sigma_e) - surround * _shares(distance, post, sigma_i))


def need_length(where: str, given: object) -> None:
    """Raise ShapeError unless this is a positive finite number."""
    is_number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not is_number or not 0 < given < math.inf:  # type: ignore[operator]
        raise ShapeError(f"{where} (got {given!r}, expected a positive number)")


def _shares(distance: np.ndarray, post: np.ndarray, sigma: float) -> np.ndarray:
    if not len(distance):
        return distance
    squared, nearest = distance**2, np.full(post.max() + 1, np.inf)
    np.minimum.at(nearest, post, squared)
    # Relative to the nearest, which cancels in the share: far ones alone would all underflow to zero.
    height = np.exp((nearest[post] - squared) / (2 * sigma**2))
    shares: np.ndarray = height / np.bincount(post, height)[post]
    return shares


def _rounded_down(w: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Round to float32 so that no sum over a post rises above zero: its largest weight gives up what is too much."""
    out = w.astype(np.float32)
    if not len(out):
        return out
    order = np.lexsort((w, post))
    largest = order[np.append(np.diff(post[order]) > 0, True)]
    total = np.bincount(post, out.astype(np.float64))[post[largest]]
    # Sums of float64 in another order differ by less than the margin.
    wanted = out[largest] - np.where(total > -_MARGIN, total + _MARGIN, 0.0)
    nearest = wanted.astype(np.float32)
    out[largest] = np.where(nearest > wanted, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    return out


_MARGIN = 1e-12


def _near(law: Lateral) -> np.ndarray:
    """List the ways, rows down and columns right, from a unit to those it hears, each place once.  Shape: -> (2, D)."""
    ways = [np.arange(-((n - 1) // 2), n // 2 + 1) if law.wrap else np.arange(1 - n, n) for n in law.sheet]
    down, right = np.meshgrid(*(way[abs(way) <= law.radius] for way in ways), indexing="ij")
    near = np.hypot(down, right) <= law.radius
    if not law.self_loops:
        near &= (down != 0) | (right != 0)
    return np.stack([down[near], right[near]])


@lru_cache(maxsize=16)
def _pairs(law: Lateral) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List pre, post and distance of every slot, sorted by (post, pre)."""
    rows, columns = law.sheet
    ways = _near(law)
    row, column = (place[:, None] + way for place, way in zip(law.positions().T, ways, strict=True))
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    post, way = np.nonzero(inside | law.wrap)
    pre = (row % rows * columns + column % columns)[post, way]
    order = np.lexsort((pre, post))
    distance = np.hypot(*ways)[way[order]]
    return frozen_array(pre[order], np.int64), frozen_array(post[order], np.int64), frozen_array(distance, np.float64)
