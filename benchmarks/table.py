"""Turn benchmarks/results/*.jsonl into the tables of README and docs.

python benchmarks/table.py            prints the tables
python benchmarks/table.py --write    puts them between the markers in README.md and docs/benchmarks.md
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"

Line = dict[str, Any]


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def accuracy_row(path: Path) -> str | None:
    lines = read(path)
    if not lines or "test_accuracy" not in lines[0]:
        return None
    first = lines[0]
    test, validation = ([line[k] for line in lines] for k in ("test_accuracy", "validation_accuracy"))
    seconds = statistics.mean(line["seconds"]["total"] for line in lines)
    phases = ", ".join(
        f"{name} {statistics.mean(line['seconds'][name] for line in lines):.0f}"
        for name in first["seconds"]
        if name != "total"
    )
    columns = [
        f"`{first['command'].removeprefix('python -m circuitgraph.bench ').replace(' --json', '')}`",
        first["dataset"],
        first["activity"],
        spread(test),
        spread(validation),
        str(len(lines)),
        f"{first['n_slots']:,}",
        f"{seconds:.0f} ({phases})",
        first["device"],
    ]
    return "| " + " | ".join(columns) + " |"


def accuracy_table() -> list[str]:
    rows = [row for path in sorted((ROOT / "benchmarks/results").glob("*.jsonl")) if (row := accuracy_row(path))]
    head = [
        "command after `python -m circuitgraph.bench`",
        "data",
        "activity",
        "test %",
        "validation %",
        "seeds",
        "slots",
    ]
    head += ["seconds per seed", "device"]
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *rows] if rows else []


def step_table() -> list[str]:
    path = ROOT / "benchmarks/results/softhebb_step.jsonl"
    if not path.exists():
        return []
    out = [
        "| `python benchmarks/softhebb.py` | variant | median s | times faster than published | against hand-written |",
        "| --- | --- | --- | --- | --- |",
    ]
    for line in read(path):
        ratio = "" if line["ratio_to_hand_written"] is None else f"{line['ratio_to_hand_written']:.3f}"
        faster = f"{line['times_faster_than_published']:.2f}"
        out.append(f"| {line['what']} | {line['variant']} | {line['seconds']:.4g} | {faster} | {ratio} |")
    return out


def insert(path: Path, text: str) -> None:
    whole = path.read_text()
    before, rest = whole.split(BEGIN, 1)
    path.write_text(before + BEGIN + "\n\n" + text + "\n\n" + END + rest.split(END, 1)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true")
    text = "\n".join([*accuracy_table(), "", *step_table()]).strip()
    if parser.parse_args().write:
        for name in ("README.md", "docs/benchmarks.md"):
            insert(ROOT / name, text)
    print(text)


if __name__ == "__main__":
    main()
