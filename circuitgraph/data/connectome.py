"""Connectomes from the edge lists that their authors publish."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from circuitgraph.ir import Circuit
from circuitgraph.views.files.edge_list import Named, circuit_of_edges
from circuitgraph.views.files.limits import MAX_BYTES, named
from circuitgraph.views.files.tables import read_table
from circuitgraph.views.files.transmitters import FLY_SIGNS
from circuitgraph.views.frames import Frame

Table = str | os.PathLike[str] | Frame


def connectome(
    edges: Table,
    cells: Table | None = None,
    *,
    pre: str | None = None,
    post: str | None = None,
    weight: str | None = None,
    label: str | None = None,
    transmitter: str | None = None,
    keep: tuple[str, ...] = (),
    merge: Literal["sum"] | None = None,
    dangling: Literal["drop"] | None = None,
    signs: Mapping[str, int] | None = FLY_SIGNS,
    name: str = "neurons",
    delay: int = 1,
    delimiter: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Circuit:
    r"""Read an edge list, CSV (plain or .gz), Feather or Parquet, of any size: cells become units, pairs slots.

    Columns are found by the names that FlyWire, hemibrain, maleCNS and MICrONS give them (pre_root_id, bodyId_pre,
    syn_count, nt_type ...), or by the arguments; `keep` names columns that become attributes of slots.  Without
    weights each row counts 1.  Names are 64-bit integers or text, padding stripped, and become the attribute `label`.
    A pair that comes several times, once for each neuropil, is an error unless `merge="sum"` adds it up.

    `cells` is a second table: its rows are the units, in its order, its columns their attributes; else units come in
    order of first appearance.  A row whose cell it lacks is an error, unless `dangling="drop"` leaves such rows out.

    Where there are transmitters, units get a `transmitter` and a `sign` (1, -1, or 0 where `signs` names none; the
    default is FLY_SIGNS), and weights out of units of sign -1 are negative.  They are taken from `cells`, else from
    the edges: the transmitter with most synapses over all rows out of a cell.  `signs=None` leaves all weights alone.

    Raises:
        FileError: for a file that is no table, damaged, or larger than `max_bytes` unpacked; without pyarrow, for all
            but CSV.
        StructureError: for columns, names or pairs as above.  NumericError: for a weight that is not a finite number.
        OSError: if there is no such file.  Rows are counted from 1, without the header.

    Example:
        >>> import tempfile
        >>> text = "pre_root_id,post_root_id,syn_count,nt_type\n720575940619,720575940620,5,GABA\n"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "connections.csv").write_text(text)
        ...     fly = connectome(f"{folder}/connections.csv")
        >>> fly.projections[0].weight.tolist(), fly.population("neurons").attributes["transmitter"].tolist()
        ([-5.0], ['GABA', ABSENT])
    """
    names = Named(pre, post, weight, label, transmitter, tuple(keep))
    options: dict[str, Any] = {"merge": merge, "dangling": dangling, "signs": signs, "name": name, "delay": delay}
    if isinstance(cells, Frame) or cells is None:
        listed = cells
    else:
        listed = read_table(cells, ids=names.of_cells, max_bytes=max_bytes)
    if isinstance(edges, Frame):
        return circuit_of_edges(edges, listed, names=names, **options)
    found = read_table(edges, names.of_edges, ids=names.ends, max_bytes=max_bytes, delimiter=delimiter)
    with named(edges):
        return circuit_of_edges(found, listed, names=names, attributes={"source": Path(edges).name}, **options)
