"""The nervous system of the worm Caenorhabditis elegans, as two groups reconstructed it; its tables are in here."""

import csv
import gzip
import io
from collections.abc import Sequence
from importlib import resources

import numpy as np

from circuitgraph.errors import UnknownNameError
from circuitgraph.ir import ABSENT, Circuit, Population, Projection
from circuitgraph.topologies import Explicit

CITATIONS = {
    "cook-2019": "Cook et al., Whole-animal connectomes of both Caenorhabditis elegans sexes, Nature 571, 63-71 (2019)",
    "white-1986": (
        "White et al., The structure of the nervous system of the nematode Caenorhabditis elegans, "
        "Phil. Trans. R. Soc. Lond. B 314, 1-340 (1986)"
    ),
}
NEURONS = frozenset(("sensory", "inter", "motor", "polymodal"))
# The 26 of McIntire et al., The GABAergic nervous system of Caenorhabditis elegans, Nature 364, 337-341 (1993).
GABA = frozenset(
    [f"DD{i}" for i in range(1, 7)]
    + [f"VD{i}" for i in range(1, 14)]
    + ["RMED", "RMEL", "RMER", "RMEV", "AVL", "DVB", "RIS"]
)


def celegans(which: str = "cook-2019", *, neurons_only: bool = False, electrical: bool = True) -> Circuit:
    """Give the worm's wiring: one unit per cell, and the projections "chemical" and "electrical", both of delay 1.

    "cook-2019" is the hermaphrodite of Cook et al. 2019, whose counts are serial sections; "white-1986" is White et al.
    1986 as Varshney et al. 2011 read it, whose counts are synaptic contacts.  Weights are these counts.  A gap junction
    is two slots, one in each direction (with itself: one).  Units have a `label` (AVAL), a `type` (sensory, inter,
    motor, polymodal, muscle, other), a `group` where the source has one (amphid, ...), and a `sign`: -1 for the 26
    GABAergic neurons, 0 where none is known here.  The circuit's attributes name the source.

    Only neurons stay with `neurons_only`, and `electrical=False` leaves gap junctions out.

    Raises:
        UnknownNameError: for another reconstruction.

    Example:
        >>> worm = celegans("white-1986", neurons_only=True)
        >>> worm.population("neurons").n_units, [(p.name, p.n_slots) for p in worm.projections]
        (300, [('chemical', 2266), ('electrical', 1132)])
    """
    if which not in CITATIONS:
        raise UnknownNameError(f"celegans: no reconstruction {which!r} (expected one of {', '.join(CITATIONS)})")
    kinds = {label: (kind, group) for label, kind, group in _rows("cells")}
    rows = [(pre, post, kind, int(count)) for pre, post, kind, count in _rows(which)]
    cells = sorted({cell for pre, post, *_ in rows for cell in (pre, post)})
    if neurons_only:
        cells = [cell for cell in cells if kinds[cell][0] in NEURONS]
    at = {cell: i for i, cell in enumerate(cells)}
    kept = [row for row in rows if row[0] in at and row[1] in at]
    chemical = [(pre, post, count) for pre, post, kind, count in kept if kind == "chemical"]
    junctions = [(pre, post, count) for pre, post, kind, count in kept if kind == "electrical"]
    both = [*junctions, *((post, pre, count) for pre, post, count in junctions if pre != post)]
    wiring = {"chemical": chemical} | ({"electrical": both} if electrical else {})
    return Circuit(
        (_population(cells, kinds),),
        tuple(_projection(name, found, at) for name, found in wiring.items()),
        {"species": "Caenorhabditis elegans", "source": CITATIONS[which], "licence": "MIT, tables of OpenWorm's cect"},
    )


def _rows(name: str) -> list[list[str]]:
    packed = resources.files("circuitgraph.data").joinpath("celegans_tables", f"{name}.csv.gz").read_bytes()
    return list(csv.reader(io.StringIO(gzip.decompress(packed).decode("utf-8"))))[1:]


def _population(cells: list[str], kinds: dict[str, tuple[str, str]]) -> Population:
    columns = {
        "label": _objects(cells),
        "type": _objects([kinds[cell][0] for cell in cells]),
        "group": _objects([kinds[cell][1] or ABSENT for cell in cells]),
        "sign": np.array([-1 if cell in GABA else 0 for cell in cells], np.int8),
    }
    return Population("neurons", (len(cells),), attributes=columns)


def _projection(name: str, rows: list[tuple[str, str, int]], at: dict[str, int]) -> Projection:
    table = np.array([(at[post], at[pre], count) for pre, post, count in rows], np.int64).reshape(-1, 3)
    post, pre, count = table[np.lexsort((table[:, 1], table[:, 0]))].T
    return Projection("neurons", "neurons", Explicit(pre, post), count.astype(np.float32), delay=1, name=name)


def _objects(items: Sequence[object]) -> np.ndarray:
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out
