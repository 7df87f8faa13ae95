"""How long, and in how much memory, an edge list as large as a fly's brain becomes a circuit.

python benchmarks/connectome.py [--rows 15000000] [--cells 139255] [--kinds feather parquet csv] [--json]

Makes up a table like FlyWire's (64-bit names, neuropil, counts, transmitters; most pairs in one neuropil, some in
several) in a temporary folder, and reads each file in a process of its own.  Memory is the peak of that process.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, feather, parquet

RESULTS = Path(__file__).parent / "results" / "connectome.jsonl"
PROBE = """
import json, os, resource, sys, time
import circuitgraph as cg
from circuitgraph.data.connectome import connectome
imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, cpu = time.perf_counter(), time.process_time()
c = connectome(sys.argv[1], merge="sum")
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_gb": round(peak / 2**20, 2)}
found["imports_gb"] = round(imported / 2**20, 2)
sizes = {"units": c.n_units, "slots": c.n_slots, "weight": float(abs(c.projections[0].weight).sum())}
print(json.dumps({**found, **sizes}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--cells", type=int, default=139_255)
    parser.add_argument("--kinds", nargs="+", default=["feather", "parquet", "csv"])
    parser.add_argument("--json", action="store_true", help="write the results file")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        table = made_up(options.rows, options.cells)
        total = int(table["syn_count"].to_numpy().sum())
        for kind in options.kinds:
            path = Path(folder, f"connections.{kind}")
            write(table, path, kind)
            if kind == options.kinds[-1]:
                del table  # the process that is measured gets the memory
            lines.append(measure(path, kind, options.rows, total))
            path.unlink()
            print(json.dumps(lines[-1]))
    if options.json:
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))


def made_up(rows: int, cells: int) -> pa.Table:
    rng = np.random.default_rng(0)
    names = 720_575_940_600_000_000 + rng.permutation(40_000_000)[:cells]
    # Some cells have far more partners than others, and one row in ten repeats a pair in another neuropil.
    pre, post = (names[(cells * rng.random(rows) ** 2).astype(np.int64)] for _ in range(2))
    again = rng.integers(0, rows, rows // 10)
    pre[: len(again)], post[: len(again)] = pre[again], post[again]
    neuropil = pa.array(np.array([f"NP_{i}" for i in range(75)], dtype=object)[rng.integers(0, 75, rows)])
    transmitter = pa.array(
        np.array(["ACH", "GABA", "GLUT", "DA", "SER", "OCT"], dtype=object)[rng.integers(0, 6, rows)]
    )
    columns = [pa.array(pre), pa.array(post), neuropil, pa.array(1 + rng.geometric(0.2, rows)), transmitter]
    return pa.table(columns, names=["pre_root_id", "post_root_id", "neuropil", "syn_count", "nt_type"])


def write(table: pa.Table, path: Path, kind: str) -> None:
    if kind == "feather":
        feather.write_feather(table, path)
    elif kind == "parquet":
        parquet.write_table(table, path)
    else:
        csv.write_csv(table, path)


def measure(path: Path, kind: str, rows: int, total: int) -> dict[str, object]:
    run = subprocess.run([sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert found.pop("weight") == total, "a synapse was lost"
    versions = {"python": platform.python_version(), "pandas": pd.__version__, "pyarrow": pa.__version__}
    size = round(path.stat().st_size / 2**20)
    return {
        "what": "connectome",
        "kind": kind,
        "rows": rows,
        "megabytes": size,
        **found,
        **versions,
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    main()
