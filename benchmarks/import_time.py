"""How long `import circuitgraph` takes in a fresh interpreter, beyond starting it, and what it pulls in.

python benchmarks/import_time.py [--rounds 20]        writes benchmarks/results/import_time.jsonl
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from circuitgraph.bench.report import environment

RESULTS = Path(__file__).parent / "results" / "import_time.jsonl"
PROBE = """
import sys, time
start = time.perf_counter()
import circuitgraph
seconds = time.perf_counter() - start
print(seconds, *(name for name in ("torch", "networkx", "pandas", "numpy") if name in sys.modules))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    command = [sys.executable, "-c", PROBE]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(rounds)]
    words = [run.stdout.split() for run in runs]
    times = [float(w[0]) for w in words]
    line = {
        "what": "import circuitgraph",
        "seconds": round(statistics.median(times), 4),
        "min": round(min(times), 4),
        "max": round(max(times), 4),
        "rounds": rounds,
        "imports": words[0][1:],
    } | environment(torch.device("cpu"))
    RESULTS.write_text(json.dumps(line) + "\n")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
