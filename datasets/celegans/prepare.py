"""Make the small tables of the worm that the package ships: `python datasets/celegans/prepare.py [--wheel FILE]`.

The facts come from the MIT-licensed package `cect` of OpenWorm, whose wheel is read and never installed or run.
"""

import argparse
import ast
import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

PACKAGE = "cect==0.3.5"
TABLES = Path(__file__).parents[2] / "circuitgraph" / "data" / "celegans_tables"
SHA256 = {
    "cect/Cells.py": "9ad91db16d4825617a03070ff8fc81e680d24028cbc1e29ee63f0f71f47b90b5",
    "cect/data/all_cell_info.csv": "63c6fc5f55c90df092b24afe1cbfc96da63f577288e74621d6395fc195e6221d",
    "cect/data/aconnectome_white_1986_whole.csv": "c8aac78756b71f6337629951e5f4211448e85d148f6db9b367b2cd0450bb403a",
    "cect/data/herm_full_edgelist.csv": "142693f17556148d7f962835b18ac6dd5af18b7467eef61815ebc1dd5474c0ca",
}
# Lists of Cells.py, after Cook et al. 2019, and what we call their members.
TYPES = {
    "SENSORY_NEURONS_COOK": "sensory",
    "INTERNEURONS_COOK": "inter",
    "MOTORNEURONS_COOK": "motor",
    "PHARYNGEAL_POLYMODAL_NEURONS": "polymodal",
    "UNKNOWN_FUNCTION_NEURONS": "unknown",
}
MUSCLES = ("dBWM", "vBWM", "pm", "um", "vm", "LegacyBodyWallMuscles", "sph", "anal", "intL", "intR")
Row = tuple[str, str, str, int]


def main(arguments: list[str] | None = None) -> int:
    """Write the tables; they come out the same, byte for byte, from the same wheel."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wheel", type=Path, help="the wheel of cect, if it is there already; else pip fetches it")
    parser.add_argument("--out", type=Path, default=TABLES)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        sources = read_sources(options.wheel or fetch(Path(folder)))
    options.out.mkdir(parents=True, exist_ok=True)
    synapses = {"white-1986": white(sources), "cook-2019": cook(sources)}
    for name, rows in synapses.items():
        write(options.out / f"{name}.csv.gz", ("pre", "post", "kind", "count"), rows)
    cells = {cell for rows in synapses.values() for pre, post, *_ in rows for cell in (pre, post)}
    write(options.out / "cells.csv.gz", ("label", "type", "group"), describe(cells, sources))
    return 0


def fetch(folder: Path) -> Path:
    """Download the wheel through pip, without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", PACKAGE, "--no-deps", "--quiet", "--dest", str(folder)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def read_sources(wheel: Path) -> dict[str, str]:
    """Read the four files that matter, as text; ValueError unless each is the one that the tables were made of."""
    texts = {}
    with zipfile.ZipFile(wheel) as archive:
        for name, expected in SHA256.items():
            data = archive.read(name)
            got = hashlib.sha256(data).hexdigest()
            if got != expected:
                raise ValueError(f"{name}: another file (got SHA-256 {got}, expected {expected}); fetch {PACKAGE}")
            texts[name] = data.decode("utf-8")
    return texts


def white(sources: dict[str, str]) -> list[Row]:
    """List the synapses of White et al. 1986; each gap junction is there once, and stays so."""
    text = sources["cect/data/aconnectome_white_1986_whole.csv"]
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    return sorted((r["pre"].strip(), r["post"].strip(), r["type"], int(r["synapses"])) for r in rows)


def cook(sources: dict[str, str]) -> list[Row]:
    """List the synapses of the hermaphrodite of Cook et al. 2019; gap junctions, there in both directions, once.

    Where the two directions disagree, or one is missing, the larger count is kept.
    """
    chemical: list[Row] = []
    gaps: dict[tuple[str, str], int] = {}
    for r in csv.DictReader(io.StringIO(sources["cect/data/herm_full_edgelist.csv"])):
        pre, post, kind, count = plain(r["Source"]), plain(r["Target"]), r["Type"].strip(), int(r["Weight"])
        if kind == "chemical":
            chemical.append((pre, post, kind, count))
        else:
            ends = (min(pre, post), max(pre, post))
            gaps[ends] = max(gaps.get(ends, 0), count)
    return sorted([*chemical, *((*ends, "electrical", count) for ends, count in gaps.items())])


def plain(name: str) -> str:
    """Take the padding off a name, and the zero before its number: "AS01   " is AS1 to everyone else."""
    name = name.strip()
    return name[:-2] + name[-1] if name[-2:-1] == "0" and name[-1:].isdigit() else name


def describe(cells: Iterable[str], sources: dict[str, str]) -> list[tuple[str, str, str]]:
    """Give each cell its type and, where the source has one, its group."""
    types = {cell: kind for name, kind in TYPES.items() for cell in lists_of(sources["cect/Cells.py"])[name]}
    info = csv.DictReader(io.StringIO(sources["cect/data/all_cell_info.csv"]))
    groups = {r["Cell name"].strip(): r["Type"].strip() for r in info}
    rows = []
    for cell in sorted(cells):
        kind = types.get(cell, "muscle" if cell.startswith(MUSCLES) else "other")
        group = groups.get(cell, "")
        rows.append((cell, kind, "" if group == "???" else group))
    return rows


def lists_of(source: str) -> dict[str, list[str]]:
    """Read the lists of names in a Python file, and their sums, without running it."""
    found: dict[str, list[str]] = {}

    def names(node: ast.expr) -> list[str]:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return names(node.left) + names(node.right)
        return found[node.id] if isinstance(node, ast.Name) else list(ast.literal_eval(node))

    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                found[statement.targets[0].id] = names(statement.value)
            except (KeyError, ValueError, TypeError):
                continue  # no list of names
    return found


def write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a compressed table whose bytes depend on nothing but its rows."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.getvalue().encode("utf-8"))
    data = path.read_bytes()
    print(f"{path.name}  {len(data):,} bytes  SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    sys.exit(main())
