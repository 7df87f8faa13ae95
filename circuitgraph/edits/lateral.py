"""Lateral inhibition between sites, between units on a sheet, and learned."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Population, Remap, Shape, Topology, Value, value
from circuitgraph.ir.shape import is_integer
from circuitgraph.registry import edits, neurons, rules
from circuitgraph.topologies import Conv, Dense, Explicit, Lateral, OneToOne, Pruned, difference_of_gaussians
from circuitgraph.topologies.lateral import need_length
from circuitgraph.topologies.window import window_edges


@edits.register("centre-surround")
@value
class CentreSurround(Edit):
    """Let each site excite itself and inhibit the sites around, each unit by itself, by fixed weights.

    The kernel is a difference of Gaussians (`difference_of_gaussians`; sigmas in sites) times `strength`, as a
    depthwise convolution.  What a neuron hears through it sums to at most zero, at borders too; `mode` says what is
    beyond them.  `lateral_kernel` is the kernel's width (default: two sigma_i to each side).

    With `delay` 0 the population P hands its output on to P_inhibited = max(P + kernel * P, 0), which takes over what
    P projected to, itself included.  With a delay P hears itself, and settles if `strength` times the sum of absolute
    weights of the kernel is below one.

    Raises:
        ShapeError: at once for numbers out of range; in `apply` for a population without sites, or with too few.
        StructureError: in `apply` for names that are taken, or weights of a positive sum at a border ("zeros" with
            little surround).

    Example:
        >>> import circuitgraph as cg
        >>> c, _ = CentreSurround("x", 0.5, 1.0).apply(cg.Circuit().add("x", (3, 8, 8)))
        >>> c.projection("x_surround").topology
        Conv(kernel=5, padding=2, groups=3, mode='reflect')
    """

    reads_weights: ClassVar[bool] = False
    renamed: ClassVar[Mapping[str, str]] = {"size": "lateral_kernel"}

    population: str
    sigma_e: float
    sigma_i: float
    surround: float = 1.0
    strength: float = 1.0
    lateral_kernel: int | None = None
    delay: int = 0
    mode: Literal["reflect", "circular", "zeros"] = "reflect"

    def __post_init__(self) -> None:
        if self.lateral_kernel is not None and (not is_integer(self.lateral_kernel, 3) or self.lateral_kernel % 2 == 0):
            raise ShapeError(
                f"CentreSurround: lateral_kernel (got {self.lateral_kernel!r}, expected an odd integer of at least 3)"
            )
        if not is_integer(self.delay, 0):
            raise ShapeError(f"CentreSurround: delay (got {self.delay!r}, expected time steps, 0 or more)")
        self._law(1)
        self.kernel(1)

    def kernel(self, rank: int) -> np.ndarray:
        """Give the weights of one unit, over as many dimensions of sites.  Shape: -> (size,) * rank, float32.

        Example:
            >>> CentreSurround("x", 0.5, 1.0, lateral_kernel=3).kernel(1).astype(float).round(2).tolist()
            [-0.17, 0.34, -0.17]
        """
        size = self._size()
        distance = np.sqrt(((np.indices((size,) * rank) - size // 2) ** 2).sum(0)).ravel()
        w = difference_of_gaussians(
            distance, sigma_e=self.sigma_e, sigma_i=self.sigma_i, surround=self.surround, strength=self.strength
        )
        return w.reshape((size,) * rank)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        rank = len(p.shape) - 1
        if not 1 <= rank <= 3:
            got = f"got shape {p.shape}, expected 1 to 3 axes of sites"
            raise ShapeError(f"{self!r}: nothing surrounds a site of {p.name!r} ({got}); use SheetInhibition")
        law, kernel = self._law(p.n_units), self.kernel(rank)
        law.check(p.shape, p.shape)
        self._check_sums(p, law, kernel)
        post = p.name
        if not self.delay:
            circuit, post = hand_on(circuit, p), f"{p.name}_inhibited"
        weight, name = np.tile(kernel.ravel(), p.n_units), f"{p.name}_surround"
        return circuit.connect(p.name, post, law, weight=weight, fixed=True, delay=self.delay, name=name), Remap()

    def _size(self) -> int:
        need_length("CentreSurround: sigma_i", self.sigma_i)
        return 2 * math.ceil(2 * self.sigma_i) + 1 if self.lateral_kernel is None else self.lateral_kernel

    def _law(self, units: int) -> Conv:
        return Conv(self._size(), padding=self._size() // 2, groups=units, mode=self.mode)

    def _check_sums(self, p: Population, law: Conv, kernel: np.ndarray) -> None:
        # Away from a border every site hears the whole kernel, as it does everywhere unless taps are missing there.
        sites = tuple(min(n, 2 * self._size()) for n in p.shape[1:])
        tap, _, post = window_edges(sites, law.window(len(sites)), self.mode)
        most = np.bincount(post, kernel.ravel().astype(np.float64)[tap]).max()
        if most > 0:
            got, mend = f"got a sum of {most:.3g}, expected 0 at most", "use mode 'reflect' or more surround"
            raise StructureError(f"{self!r}: weights would excite at a border ({got}); {mend}")

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        conv = Circuit().add("x", (1, 6, 6)).connect("x", "y", Conv(3, padding=1), units=2)
        ahead = conv.connect("y", "z", Conv(1), units=2)
        line = Circuit().add("x", 3).add("y", (2, 9)).connect("x", "y", Dense())
        return [
            (cls("y", 0.5, 1.0), ahead),
            (cls("y", 0.5, 1.0, 1.2, 0.3, 3, 1, "circular"), ahead),
            (cls("y", 0.4, 1.5, 3.0, mode="zeros"), line),
        ]


@edits.register("sheet-inhibition")
@value
class SheetInhibition(Edit):
    """Lay the units of a population out on a sheet of rows and columns, and let them inhibit those around.

    Fixed weights: the difference of Gaussians (sigmas in units) of `Lateral.centre_surround`, times `strength`, between
    all pairs within `radius` (default: two sigma_i); no unit hears itself.  What a unit hears sums to at most zero, and
    arrives after `delay` time steps.  The places become the attributes `row` and `column` of the units.

    Raises:
        ShapeError: at once for numbers out of range; in `apply` for a population of another size than the sheet.
        StructureError: in `apply` for a name that is taken.

    Example:
        >>> import circuitgraph as cg
        >>> c, _ = SheetInhibition("x", (2, 2), 0.5, 1.0).apply(cg.Circuit().add("x", 4))
        >>> c.projection("x_lateral").n_slots, c.population("x").attributes["column"].tolist()
        (12, [0, 1, 0, 1])
    """

    reads_weights: ClassVar[bool] = False

    population: str
    sheet: tuple[int, int]
    sigma_e: float
    sigma_i: float
    surround: float = 1.0
    strength: float = 1.0
    radius: float | None = None
    wrap: bool = False
    delay: int = 1

    def __post_init__(self) -> None:
        need_length("SheetInhibition: sigma_i", self.sigma_i)
        object.__setattr__(self, "sheet", self._law().sheet)
        if not is_integer(self.delay, 1):
            raise ShapeError(f"SheetInhibition: delay (got {self.delay!r}, expected time steps, 1 or more)")
        self._weights(Lateral((1, 1), 1.0))

    def _law(self) -> Lateral:
        return Lateral(self.sheet, 2 * self.sigma_i if self.radius is None else self.radius, self.wrap)

    def _weights(self, law: Lateral) -> np.ndarray:
        return law.centre_surround(self.sigma_e, self.sigma_i, surround=self.surround, strength=self.strength)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p, law = circuit.population(self.population), self._law()
        law.check(p.shape, p.shape)
        row, column = law.positions().T
        circuit = circuit.replace_population(p.name, attributes={**p.attributes, "row": row, "column": column})
        wired = circuit.connect(
            p.name, p.name, law, weight=self._weights(law), fixed=True, delay=self.delay, name=f"{p.name}_lateral"
        )
        return wired, Remap()

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        flat = Circuit().add("x", 3).connect("x", "y", Dense(), units=6)
        conv = Circuit().add("x", (1, 3, 3)).connect("x", "y", Conv(1), units=4)
        return [(cls("y", (2, 3), 0.5, 1.0), flat), (cls("y", (2, 2), 0.4, 0.8, 1.5, 0.5, 1.0, True, 2), conv)]


@edits.register("lateral-inhibition")
@value
class LateralInhibition(Edit):
    """Let the units of a population inhibit each other by weights that are learned and never positive.

    A recurrent projection P_lateral of sign -1, from -`strength` (default: none yet).  `rule` is how it learns
    (`AntiHebb` and others), by gradient if None.  `topology` says who inhibits whom (`Lateral`, `ErdosRenyi`, ...); by
    default every unit all others, at the same site where there are sites.  No neuron inhibits itself.

    Raises:
        ShapeError: at once for a strength or a delay out of range.
        StructureError: at once for what is no topology; in `apply` for a name that is taken, or a topology with loops.

    Example:
        >>> import circuitgraph as cg
        >>> c, _ = LateralInhibition("x", cg.Hebb(-0.1), strength=0.5).apply(cg.Circuit().add("x", 3))
        >>> c.projection("x_lateral").weight.tolist(), c.projection("x_lateral").sign
        ([-0.5, -0.5, -0.5, -0.5, -0.5, -0.5], -1)
    """

    reads_weights: ClassVar[bool] = False

    population: str
    rule: Value | None = None
    topology: Topology | None = None
    strength: float = 0.0
    delay: int = 1

    def __post_init__(self) -> None:
        if self.strength != 0:
            need_length("LateralInhibition: strength", self.strength)
        if not is_integer(self.delay, 1):
            raise ShapeError(f"LateralInhibition: delay (got {self.delay!r}, expected time steps, 1 or more)")
        if self.topology is not None and not isinstance(self.topology, Topology):
            raise StructureError(f"LateralInhibition: not a topology (got {self.topology!r}, expected e.g. cg.Lateral)")

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        law = _all_others(p.shape) if self.topology is None else self.topology
        law.check(p.shape, p.shape)
        if self.topology is not None:
            _check_loops(self, law, p.shape)
        wired = circuit.connect(
            p.name, p.name, law, weight=0.0 - self.strength, rule=self.rule, delay=self.delay, sign=-1, fixed=False,
            name=f"{p.name}_lateral",
        )  # fmt: skip
        return wired, Remap()

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        flat = Circuit().add("x", 3).connect("x", "y", Dense(), units=4)
        conv = Circuit().add("x", (1, 3, 3)).connect("x", "y", Conv(1), units=3)
        learn = rules["anti-hebb"](0.1)
        return [
            (cls("y", learn), flat),
            (cls("y", learn, Lateral((2, 2), 1.0), 0.25), flat),
            (cls("y", None, Explicit([0, 1], [1, 0]), 0.5, 2), flat),
            (cls("y", learn, strength=0.5), conv),
        ]


def hand_on(circuit: Circuit, p: Population) -> Circuit:
    """Let a rectified population P_inhibited hear P one to one, and take over what P projected to."""
    name = f"{p.name}_inhibited"
    moved = tuple(dataclasses.replace(q, pre=name) if q.pre == p.name else q for q in circuit.projections)
    circuit = dataclasses.replace(circuit.add(name, p.shape, neurons["relu"]()), projections=moved)
    return circuit.connect(p.name, name, OneToOne())


def _all_others(shape: Shape) -> Topology:
    every: Any = Dense() if len(shape) == 1 else Conv(1)
    return Pruned(every, np.delete(np.arange(shape[0] ** 2), np.arange(shape[0]) * (shape[0] + 1)))


def _check_loops(edit: Edit, law: Topology, shape: Shape) -> None:
    listed = law.listed(shape, shape)
    at_pre, at_post = ((table := law.synapses(shape, shape)).pre, table.post) if listed is None else listed
    loops = np.flatnonzero(at_pre == at_post)
    if len(loops):
        got = f"got {len(loops)} loops, the first at neuron {int(at_pre[loops[0]])}"
        raise StructureError(f"{edit!r}: a neuron would inhibit itself ({got}); leave them out of the topology")
