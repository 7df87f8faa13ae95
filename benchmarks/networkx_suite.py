"""networkx's own test suite through our backend: nothing breaks, and this many functions run natively.

`plain` is networkx by itself, the judge.  `fallback` is how people use it: native functions run here, the others in
networkx.  `everything` converts every graph for every function and back, so that reading and conversion are tested by
the whole suite.  `native` has no fallback: what is not native is marked xfail by networkx.  Each mode is one process.

    python benchmarks/networkx_suite.py [--modes plain fallback everything native] [--select TEXT] [--json]

--json writes benchmarks/results/networkx_suite.jsonl
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "networkx_suite.jsonl"
MODES = {
    "plain": {},
    "fallback": {"NETWORKX_TEST_BACKEND": "circuitgraph", "NETWORKX_FALLBACK_TO_NX": "True"},
    "everything": {"NETWORKX_TEST_BACKEND": "circuitgraph", "NETWORKX_FALLBACK_TO_NX": "True"},
    "native": {"NETWORKX_TEST_BACKEND": "circuitgraph"},
}
LIMIT_S = 3600


class Watcher:
    """A plugin of pytest: keeps every test's outcome, and counts the native functions that returned."""

    def __init__(self) -> None:
        self.outcomes, self.calls = dict[str, str](), Counter[str]()

    def pytest_collection_modifyitems(self) -> None:
        from circuitgraph.views.backend import Backend

        Backend.native = {name: self.counted(name, function) for name, function in Backend.native.items()}
        Backend.convert_from_nx = self.counted("convert_from_nx", Backend.convert_from_nx)  # type: ignore[method-assign]

    def counted(self, name: str, function: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            found = function(*args, **kwargs)
            self.calls[name] += 1
            return found

        return run

    def pytest_runtest_logreport(self, report: Any) -> None:
        # Setup and teardown count where they go wrong; xfail is reported as skipped.
        if report.when == "call" or report.outcome != "passed":
            expected = hasattr(report, "wasxfail")
            self.outcomes[report.nodeid] = ("xfailed" if expected else "") or report.outcome


def child(mode: str, out: str, select: list[str]) -> None:
    import networkx as nx
    import pytest

    nx.config.backends.circuitgraph.convert_all = mode == "everything"
    watcher = Watcher()
    given = ["--pyargs", *(select or ["networkx"]), "-q", "-p", "no:cacheprovider", "--tb=short"]
    code = pytest.main(given, plugins=[watcher])
    Path(out).write_text(json.dumps({"code": int(code), "outcomes": watcher.outcomes, "calls": watcher.calls}))


def run(mode: str, select: list[str]) -> dict[str, Any]:
    """Run one mode in a process of its own, far from this repository's pytest settings."""
    with tempfile.TemporaryDirectory() as folder:
        out, start = Path(folder) / "out.json", time.perf_counter()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NETWORKX_")}
        command = [sys.executable, __file__, "--child", mode, "--out", str(out), "--select", *select]
        done = subprocess.run(
            command, cwd=folder, env=kept | MODES[mode], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if not out.exists():
            raise SystemExit(f"{mode}: pytest ended without a result\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        found: dict[str, Any] = json.loads(out.read_text())
        return found | {"mode": mode, "seconds": round(time.perf_counter() - start, 1), "text": done.stdout}


def line(found: dict[str, Any], plain: dict[str, Any] | None) -> dict[str, object]:
    counts = Counter(found["outcomes"].values())
    failed = sorted(name for name, outcome in found["outcomes"].items() if outcome == "failed")
    ours = failed if plain is None else [name for name in failed if plain["outcomes"].get(name) != "failed"]
    converted = found["calls"].pop("convert_from_nx", 0)
    return {
        "what": f"networkx suite, {found['mode']}",
        **{outcome: counts[outcome] for outcome in ("passed", "failed", "skipped", "xfailed")},
        "failed_only_here": ours, "graphs_converted": converted, "native_functions": len(found["calls"]),
        "native_calls": sum(found["calls"].values()), "seconds": found["seconds"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--select", nargs="*", default=[], help="modules of networkx, default all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what pytest prints")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.out, given.select)
        return
    with ThreadPoolExecutor(given.processes) as pool:
        found = dict(zip(given.modes, pool.map(lambda mode: run(mode, given.select), given.modes), strict=True))
    lines = report(found)
    for mode in given.modes if given.show else ():
        print(found[mode]["text"])
    for one in lines:
        print(json.dumps(one))
    if given.json:
        RESULTS.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")


def report(found: dict[str, dict[str, Any]]) -> list[dict[str, object]]:
    import networkx as nx

    from circuitgraph.views.backend_tests import EXCLUDED, EXCLUDED_CONVERTED
    from circuitgraph.views.native import NATIVE

    lines = [line(one, found.get("plain")) | {"networkx": nx.__version__} for one in found.values()]
    ran = sorted(set().union(*(one["calls"] for one in found.values())))
    lines.append({"what": "native functions", "listed": len(NATIVE), "ran": len(ran), "names": ran})
    for mode, table in (("all modes", EXCLUDED), ("everything only", EXCLUDED_CONVERTED)):
        lines += [{"what": "excluded test", "mode": mode, "test": test, "reason": why} for test, why in table.items()]
    return lines


if __name__ == "__main__":
    main()
