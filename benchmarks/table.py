"""Turn benchmarks/results/*.jsonl into the tables of README and docs.

python benchmarks/table.py            prints the tables
python benchmarks/table.py --write    puts them between the markers in README.md and docs/benchmarks.md, and the
                                      comparison of presets (`python -m circuitgraph.bench table`) into README.md and
                                      docs/hebbian.md
"""

import argparse
import json
import re
import statistics
from pathlib import Path
from typing import Any

from circuitgraph.bench.commands.table import PAGES as PRESET_PAGES
from circuitgraph.bench.comparison import insert, markdown, read_lines, rows_of

ROOT = Path(__file__).parent.parent

Line = dict[str, Any]


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def command_of(lines: list[Line]) -> str:
    """Give the command that makes all lines in one go, whatever they were made in."""
    said = lines[0]["command"].removeprefix("python -m circuitgraph.bench ").replace(" --json", "")
    seeds = [line["seed"] for line in lines]
    counted = str(len(seeds)) if seeds == list(range(len(seeds))) else ",".join(map(str, seeds))
    bare = re.sub(r" --seeds \S+", "", said)
    return bare if counted == "1" else f"{bare} --seeds {counted}"


def accuracy_row(path: Path) -> str | None:
    lines = read(path)
    if not lines or "test_accuracy" not in lines[0] or not isinstance(lines[0]["seconds"], dict):
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
        f"`{command_of(lines)}`",
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


def depth_table() -> list[str]:
    head = ["linear probe, validation %", "data", "layers", "of a layer alone", "of all layers up to it"]
    out = ["| " + " | ".join(head) + " |", rule(len(head))]
    for path in sorted((ROOT / "benchmarks/results").glob("*.jsonl")):
        lines = read(path)
        layers = list(lines[0].get("probes", ())) if lines else []
        if len(layers) > 1:
            shown = [_probes(lines, key, layers) for key in ("probes", "joint_probes")]
            row = f"`{command_of(lines)}`", lines[0]["dataset"], ", ".join(layers), *shown
            out.append("| " + " | ".join(row) + " |")
    return out if len(out) > 2 else []


def _probes(lines: list[Line], key: str, layers: list[str]) -> str:
    """Give the mean over those runs that have them: joint probes are younger."""
    known = [line[key] for line in lines if line.get(key)]
    return ", ".join(f"{statistics.mean(of[layer] for of in known):.1f}" for layer in layers) if known else ""


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


def sparse_step_table() -> list[str]:
    return [*_steps_on("sparse_step", ""), "", *_steps_on("sparse_step_zen5", ", on two Zen 5 cores")]


def _steps_on(name: str, where: str) -> list[str]:
    path = ROOT / f"benchmarks/results/{name}.jsonl"
    if not path.exists():
        return []
    out = [
        f"| `python benchmarks/sparse_step.py`{where} | neurons | density % | variant | median ms | times faster |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for line in read(path):
        what = f"{line['what']}, batch {line['batch']} | {line['neurons']} | {100 * line['density']:g}"
        out.append(f"| {what} | {line['variant']} | {line['ms']:.3g} | {line['times_faster']:.2f} |")
    return out


def kernels_table() -> list[str]:
    """Name, for each kind of work, the engine that compile chooses and how many times faster than dense it is."""
    return [*_kernels_on("kernels", ""), "", *_kernels_on("kernels_zen5", ", on two Zen 5 cores")]


def _kernels_on(name: str, where: str) -> list[str]:
    lines = [line for line in results(name) if line["batch"] == 128 and line["pre"] >= 1024]
    if not lines:
        return []
    methods = list(dict.fromkeys(line["method"] for line in lines))
    head = [f"`python -m circuitgraph.bench kernels`{where}: neurons", "density %", "batch", "activity", *methods]
    out = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for place in dict.fromkeys(tuple(line[k] for k in ("pre", "density", "batch", "dtype")) for line in lines):
        here = [li for li in lines if (li["pre"], li["density"], li["batch"], li["dtype"]) == place]
        chosen = {line["method"]: f"{line['engine']} {line['ratio_to_dense']:.3g}x" for line in here if line["chosen"]}
        n, density, batch, dtype = place
        row = [str(n), f"{100 * density:g}", str(batch), dtype, *(chosen.get(method, "") for method in methods)]
        out.append("| " + " | ".join(row) + " |")
    return out


def many_table() -> list[str]:
    path = ROOT / "benchmarks/results/many_projections.jsonl"
    lines = read(path) if path.exists() else []
    if not lines:
        return []
    out = [
        "| `python benchmarks/many_projections.py` | batch | variant | median ms a step | times faster |",
        "| --- | --- | --- | --- | --- |",
    ]
    for line in lines:
        row = f"{line['what']} | {line['batch']} | {line['variant']} | {line['ms_per_step']:.3g}"
        out.append(f"| {row} | {line['times_faster']:.2f} |")
    return out


def pruned_table() -> list[str]:
    path = ROOT / "benchmarks/results/pruned_softhebb.jsonl"
    lines = read(path) if path.exists() else []
    if not lines:
        return []
    out = [
        "| `python benchmarks/pruned_softhebb.py` | batch | variant | median ms | times faster | % of dense bytes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for line in lines:
        share = f"{100 * line['share_of_dense_bytes']:.1f}" if "share_of_dense_bytes" in line else ""
        row = f"{line['what']} | {line['batch']} | {line['variant']} | {line['ms']:.3g} | {line['times_faster']:.2f}"
        out.append(f"| {row} | {share} |")
    return out


def large_table() -> list[str]:
    return [*_large_on("large", ""), "", *_large_on("large_zen5", ", on two Zen 5 cores")]


def _large_on(name: str, where: str) -> list[str]:
    lines = results(name)
    if not lines:
        return []
    steps = [line for line in lines if "ms" in line]
    size = f"{steps[0]['neurons']:,} neurons, {steps[0]['synapses']:,} synapses, one sample"
    head = f"`python benchmarks/large.py`{where}: {size}"
    columns = "median ms | at full memory bandwidth, ms | peak GB | compile s"
    out = [f"| {head} | {columns} |", "| --- | --- | --- | --- | --- |"]
    for line in steps:
        out.append(
            f"| {line['what']} | {line['ms']:g} | {line['bound_ms']:g} | {line['peak_gb']:g} | {line['compile_s']:g} |"
        )
    compiled = [line for line in lines if "ms" not in line]
    if not compiled:
        return out
    out += [
        "",
        f"| compile of {compiled[0]['synapses']:,} synapses | batch | kernel chosen | s |",
        "| --- | --- | --- | --- |",
    ]
    out += [f"| {line['what']} | {line['batch']} | {line['kernel']} | {line['compile_s']:g} |" for line in compiled]
    return out


def edits_table() -> list[str]:
    lines = results("edits")
    if not lines:
        return []
    out = [
        "| `python benchmarks/edits.py` | slots before | after | new | edit s | carry s | together s | nets: range |",
        rule(8),
    ]
    for line in lines:
        if "total_s" in line:
            counts = f"{line['slots_before']:,} | {line['slots_after']:,} | {line['new']:,}"
            times = f"{line['edit_s']:g} | {line['carry_s']:g} | {line['total_s']:g}"
            n = line.get("networks", 1)
            of = f"{n}: {line['least_s']:g} to {line['most_s']:g}" if n > 1 else "1"
            out.append(f"| {line['what']} | {counts} | {times} | {of} |")
    return out


def hidden_table() -> list[str]:
    lines = [line for line in results("communities") if line["what"].startswith("hidden communities")]
    if not lines:
        return []
    head = "overlap, `spectral` | number given | plain Bethe-Hessian | NMI of Leiden"
    out = [f"| `python benchmarks/communities.py` | q | degree | signal | graphs | {head} |", rule(9)]
    for line in lines:
        found = [line[k] for k in ("spectral", "spectral_q_given", "plain_bethe_hessian", "leiden_nmi")]
        where = f"{line['q']} | {line['degree']:g} | {line['signal']:g} | {line['graphs']}"
        out.append(f"| {line['what']} | {where} | {' | '.join(f'{v:.3f}' for v in found)} |")
    return out


def community_speed_table() -> list[str]:
    lines = [line for line in results("communities") if line["what"].startswith("time of")]
    if not lines:
        return []
    out = ["| communities, median of rounds | edges | mixing | s | NMI with the planted ones |", rule(5)]
    for line in lines:
        name = line["what"].removeprefix("time of ")
        out.append(f"| {name} | {line['edges']:,} | {line['mixing']:g} | {line['seconds']:.3g} | {line['nmi']:.3f} |")
    alarms = [line for line in results("communities") if line["what"].startswith("false")]
    out += ["", "| `spectral` on random graphs | nodes | degree | graphs | found communities in |", rule(5)]
    return out + [
        f"| false alarms | {a['nodes']:,} | {a['degree']:g} | {a['graphs']:,} | {a['false']} |" for a in alarms
    ]


def pruned_graphs_table() -> list[str]:
    lines = results("bench_communities")
    if not lines:
        return []
    graphs, methods = (list(dict.fromkeys(line[k] for line in lines)) for k in ("graph", "method"))
    out = [f"| F1 of removed edges, % | {' | '.join(graphs)} |", rule(1 + len(graphs))]
    for method in methods[1:]:
        cells = [
            spread([100 * line["f1"] for line in lines if (line["graph"], line["method"]) == (graph, method)])
            for graph in graphs
        ]
        out.append(f"| {method} | {' | '.join(cells)} |")
    return out


def sparse_training_table() -> list[str]:
    lines = [line for line in results("sparse_training") if line.get("test_accuracy") is not None]
    if not lines:
        return []
    out = ["| `python benchmarks/sparse_training.py` | slots | seeds | test % | validation % |", rule(5)]
    names = [_trained_how(line) for line in lines]
    for name in dict.fromkeys(names):
        mine = [line for line, own in zip(lines, names, strict=True) if own == name]
        test, validation = (spread([line[f"{k}_accuracy"] for line in mine]) for k in ("test", "validation"))
        out.append(f"| {name} | {mine[0]['slots']:,} | {len(mine)} | {test} | {validation} |")
    return out


def _trained_how(line: Line) -> str:
    """Name a method of sparse training, and what it was given."""
    dropped = round(100 * line["settings"].get("pixel_dropout", 0.0))
    given = f", {dropped} % of pixels dropped" if dropped else ""
    epochs, decay = line["settings"]["epochs"], line["settings"]["decay"]
    return f"{line['method']}, {line['budget']}, {epochs} epochs, weight decay {decay:g}{given}"


def nine_tenths_table() -> list[str]:
    lines = results("softhebb_communities")
    if not lines:
        return []
    out = ["| `python benchmarks/softhebb_communities.py` | slots | seeds | test % | validation % |", rule(5)]
    for method in dict.fromkeys(line["method"] for line in lines):
        mine = [line for line in lines if line["method"] == method]
        test, validation = (spread([line[f"{k}_accuracy"] for line in mine]) for k in ("test", "validation"))
        out.append(f"| {method} | {mine[0]['n_slots']:,} | {len(mine)} | {test} | {validation} |")
    return out


def ablation_table() -> list[str]:
    lines = results("hebbian_ablations")
    if not lines:
        return []
    out = ["| `python benchmarks/hebbian_ablations.py`: preset, in small | changed | validation % |", rule(3)]
    for preset, what in dict.fromkeys((line["preset"], line["changed"]) for line in lines):
        mine = [e["validation_accuracy"] for e in lines if (e["preset"], e["changed"]) == (preset, what)]
        out.append(f"| {preset} | {what} | {spread(mine)} |")
    return out


def networkx_table() -> list[str]:
    lines = results("networkx_backend")
    compared = [line for line in lines if line["what"].startswith("compare ")]
    if not compared:
        return []
    sizes = list(dict.fromkeys((line["nodes"], line["edges"]) for line in compared))
    heads = " | ".join(f"{nodes:,} nodes, {edges:,} edges" for nodes, edges in sizes)
    out = [f"| times faster than networkx, `benchmarks/networkx_backend.py` | {heads} |", rule(1 + len(sizes))]
    for what in dict.fromkeys(line["what"] for line in compared):
        ratio = {(line["nodes"], line["edges"]): f"{line['ratio']:g}" for line in compared if line["what"] == what}
        out.append(f"| {what.removeprefix('compare ')} | {' | '.join(ratio.get(size, '') for size in sizes)} |")
    return out


def graph_work_table() -> list[str]:
    rows = []
    for line in results("networkx_backend"):
        if line["what"] == "fly report":
            what = f"whole report, {line['nodes']:,} nodes, {line['edges']:,} edges"
            rows.append(f"| {what} | {line['report_s']} s, {line['peak_gb']} GB |")
        elif line["what"] == "pagerank on a circuit":
            what = f"pagerank, {line['nodes']:,} nodes, {line['edges']:,} edges, over networkx with its graph's making"
            rows.append(f"| {what} | {line['ratio_first']:g} times faster, {line['ratio_again']:g} when asked again |")
        elif line["what"] == "conversion":
            what = f"{line['edges']:,} edges there and back, in times of networkx building the graph"
            rows.append(f"| {what} | from {line['from_over_build']}, to {line['to_over_build']} |")
    for line in results("connectome"):
        what = f"edge list of {line['rows']:,} rows, {line['kind']}"
        rows.append(f"| {what} | {line['seconds']} s, {line['peak_gb']} GB |")
    return ["| graphs and edge lists | |", rule(2), *rows] if rows else []


def suite_table() -> list[str]:
    lines = results("networkx_suite")
    if not lines:
        return []
    head = "passed | failed | failed only here | expected failures | native functions"
    out = [f"| networkx's own tests, `benchmarks/networkx_suite.py` | {head} |", rule(6)]
    for line in (line for line in lines if "passed" in line):
        wanted = (line["passed"], line["failed"], len(line["failed_only_here"]), line["xfailed"])
        cells = " | ".join(f"{n:,}" for n in (*wanted, line["native_functions"]))
        out.append(f"| {line['what'].removeprefix('networkx suite, ')} | {cells} |")
    return out


def exchange_table() -> list[str]:
    lines = [line for line in results("exchange") if "circuit_apart" in line]
    if not lines:
        return []
    out = [
        "| `python benchmarks/exchange.py` | read, differs by | pruned by community | written, differs by |",
        rule(4),
    ]
    for line in lines:
        what, apart = f"{line['what']}, input {tuple(line['input'])}", f"{line['circuit_apart']:.1e}"
        out.append(f"| {what} | {apart} | {line['pruned_share']:.0%} | {line['written_apart']:.1e} |")
    return out


def results(name: str) -> list[Line]:
    path = ROOT / f"benchmarks/results/{name}.jsonl"
    return read(path) if path.exists() else []


def rule(columns: int) -> str:
    return "|" + " --- |" * columns


PAGES = {
    "README.md": (accuracy_table, step_table),
    "docs/benchmarks.md": (
        accuracy_table,
        depth_table,
        step_table,
        kernels_table,
        sparse_step_table,
        pruned_table,
        many_table,
        large_table,
        edits_table,
        sparse_training_table,
        ablation_table,
        nine_tenths_table,
        hidden_table,
        community_speed_table,
        pruned_graphs_table,
        networkx_table,
        graph_work_table,
        suite_table,
        exchange_table,
    ),
}
"""Which tables a page shows."""


def text_of(page: str) -> str:
    tables = [make() for make in PAGES[page]]
    return "\n\n".join("\n".join(table) for table in tables if table)


def preset_table() -> list[str]:
    return markdown(rows_of(read_lines(ROOT / "benchmarks/results")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        for name in PAGES:
            insert(ROOT / name, text_of(name), "results")
        for name in PRESET_PAGES:
            insert(ROOT / name, "\n".join(preset_table()), "presets")
    print("\n".join(preset_table()) + "\n\n" + text_of("docs/benchmarks.md"))


if __name__ == "__main__":
    main()
