"""The command line: what it prints and writes, and one clear line where it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import circuitgraph as cg
from circuitgraph import __main__ as command


def run(*words: object) -> Result:
    return CliRunner().invoke(command.app, list(map(str, words)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    c = cg.Circuit().add("x", 4).connect("x", "h", cg.Dense(), units=3, neuron=cg.ReLU(), rule=cg.Oja(0.1))
    c = c.connect("h", "y", cg.Dense(), units=2)
    cg.save(c, tmp_path / "c.safetensors")
    return tmp_path / "c.safetensors"


def refused(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]
    assert "Traceback" not in result.output


def test_without_a_command_all_commands_are_listed() -> None:
    result = run()
    for name in ("report", "describe", "convert", "prune"):
        assert name in result.output


def test_describe_prints_numbers_of_every_part(file: Path) -> None:
    result = run("describe", file)
    assert result.exit_code == 0, result.output
    for word in ("3 populations", "x->h", "h->y", "12", "Oja(learning_rate=0.1)", "ReLU()"):
        assert word in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_describe_as_json_is_the_table(file: Path) -> None:
    result = run("describe", file, "--json")
    said = json.loads(result.stdout)
    c = cg.load(file)
    assert said["fingerprint"] == c.fingerprint
    rows = {row["name"]: row for row in said["rows"]}
    assert list(rows) == ["x", "h", "y", "x->h", "h->y"]
    assert (rows["x->h"]["n_slots"], rows["x->h"]["rule"], rows["x"]["n_slots"]) == (12, "Oja(learning_rate=0.1)", None)
    assert rows["h->y"]["weight_mean"] == pytest.approx(float(c.projection("h->y").weight.mean()))


def test_report_writes_a_page_beside_the_file(file: Path) -> None:
    result = run("report", file)
    assert result.exit_code == 0, result.output
    assert "c.html" in result.output.replace("\n", "")
    assert "<title>c.safetensors</title>" in file.with_suffix(".html").read_text("utf-8")
    assert run("report", file, "-o", file.with_name("other.html"), "--title", "mine").exit_code == 0
    assert "<title>mine</title>" in file.with_name("other.html").read_text("utf-8")


def test_report_never_overwrites_its_source(file: Path) -> None:
    source = file.rename(file.with_suffix(".html"))
    refused(run("report", source), 2, "would be overwritten")


def test_prune_removes_the_share_and_keeps_the_strongest(file: Path) -> None:
    out = file.with_name("p.safetensors")
    result = run("prune", file, "--amount", "0.5", "-o", out)
    assert result.exit_code == 0, result.output
    before, after = cg.load(file), cg.load(out)
    for p in before.projections:
        kept = np.sort(np.abs(p.weight))[p.n_slots // 2 :]
        assert np.array_equal(np.sort(np.abs(after.projection(p.name).weight)), kept)
    assert "18 slots before, 9 after" in result.output


@pytest.mark.parametrize("score", ["random", "community"])
def test_prune_by_other_scores_removes_as_many(file: Path, score: str) -> None:
    out = file.with_name("p.safetensors")
    assert run("prune", file, "--amount", "0.5", "--score", score, "-o", out).exit_code == 0
    assert cg.load(out).n_slots == 9


def test_prune_by_community_keeps_what_runs_within(tmp_path: Path) -> None:
    a = np.kron(np.eye(2), 1 - np.eye(4))
    a[0, 7] = a[5, 2] = 100.0
    cg.save(cg.from_adjacency(a), tmp_path / "a.safetensors")
    weak = a.copy()
    weak[0, 7] = weak[5, 2] = 0.9
    cg.save(cg.from_adjacency(weak), tmp_path / "weak.safetensors")
    out = tmp_path / "p.safetensors"
    assert (
        run("prune", tmp_path / "weak.safetensors", "--amount", "2", "--score", "community", "-o", out).exit_code == 0
    )
    assert np.array_equal(cg.to_adjacency(cg.load(out)).toarray(), np.kron(np.eye(2), 1 - np.eye(4)))


def test_prune_takes_counts_projections_units_and_a_seed(file: Path) -> None:
    out = file.with_name("p.safetensors")
    assert run("prune", file, "--amount", "4", "--projection", "x->h", "-o", out).exit_code == 0
    assert [p.n_slots for p in cg.load(out).projections] == [8, 6]
    assert run("prune", file, "--amount", "1", "--units", "-o", out).exit_code == 0
    assert cg.load(out).population("h").n_units == 2
    seeds = []
    for seed in (1, 1, 2, 3):
        assert run("prune", file, "--amount", "0.5", "--score", "random", "--seed", seed, "-o", out).exit_code == 0
        seeds.append(out.read_bytes())
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) > 1


def test_files_that_cannot_be_read_or_written_end_in_one_line(file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(file.read_bytes()[:100])
    for verb in (["describe"], ["report"]):
        refused(run(*verb, tmp_path / "none.safetensors"), 1, "no such file")
        refused(run(*verb, bad), 1, "bad.safetensors")
        refused(run(*verb, tmp_path), 1, "no such file")
    refused(run("report", file, "-o", tmp_path / "no" / "x.html"), 1)
    refused(run("prune", file, "--amount", "0.5", "-o", tmp_path / "no" / "x.safetensors"), 1)


def test_wrong_arguments_end_in_one_line(file: Path) -> None:
    out = file.with_name("p.safetensors")
    refused(run("prune", file, "--amount", "much", "-o", out), 2, "--amount", "'much'")
    refused(run("prune", file, "--amount", "1.5", "-o", out), 2, "from 0 to 1")
    refused(run("prune", file, "--amount", "nan", "-o", out), 2, "from 0 to 1")
    refused(run("prune", file, "--amount", "-3", "-o", out), 2, "at least 0")
    refused(
        run("prune", file, "--amount", "0.5", "--score", "best", "-o", out), 2, "'best'", "magnitude, random, community"
    )
    refused(run("prune", file, "--amount", "0.5", "--projection", "z", "-o", out), 1, "no projection 'z'")
    refused(run("prune", file, "--amount", "100", "-o", out), 1, "more than")
    assert not out.exists()


def test_unknown_commands_and_options_are_usage_errors() -> None:
    for words in (["frob"], ["describe"], ["describe", "x", "--frob"]):
        result = run(*words)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_the_module_runs_as_a_command(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "circuitgraph", "describe", str(file), "--json"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["summary"] == cg.load(file).summary()


def test_describing_plain_wiring_imports_no_torch(tmp_path: Path) -> None:
    cg.save(cg.from_adjacency(np.eye(3)), tmp_path / "a.safetensors")
    code = (
        "import sys; from circuitgraph.__main__ import app\n"
        f"try: app(['report', {str(tmp_path / 'a.safetensors')!r}])\n"
        "except SystemExit as e: assert not e.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("ending", ["graphml", "json", "parquet", "npz", "json.gz"])
def test_convert_there_and_back_changes_nothing(file: Path, ending: str) -> None:
    other, back = file.with_name(f"c.{ending}"), file.with_name("back.safetensors")
    assert run("convert", file, other).exit_code == 0
    assert run("convert", other, back).exit_code == 0
    assert cg.load(back) == cg.load(file)


def test_an_edge_list_is_described_reported_and_pruned(tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("pre,post,weight\na,b,1\nb,c,3\nc,a,2\n")
    said = json.loads(run("describe", edges, "--json").stdout)
    assert said["rows"][1]["n_slots"] == 3
    assert run("report", edges).exit_code == 0
    out = tmp_path / "p.safetensors"
    assert run("prune", edges, "--amount", "1", "-o", out).exit_code == 0
    assert sorted(cg.load(out).projections[0].weight.tolist()) == [2.0, 3.0]


def test_every_command_reads_the_nodes_of_an_edge_list(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    edges.write_text("pre,post,weight\na,b,1\nb,a,2\n")
    nodes.write_text("label,type\nalone,K\nb,P\na,K\n")
    out = tmp_path / "p.json"
    for words in (["describe", edges], ["report", edges], ["convert", edges, out],
                  ["prune", edges, "--amount", "0.5", "-o", out]):  # fmt: skip
        result = run(*words, "--nodes", nodes)
        assert result.exit_code == 0, result.output
    assert cg.read(out).population("neurons").attributes["type"].tolist() == ["K", "P", "K"]
    assert cg.read(out).projections[0].weight.tolist() == [2.0]


def test_convert_says_what_is_lost_and_asks_first(file: Path) -> None:
    out = file.with_name("c.csv")
    refused(run("convert", file, out), 1, "cannot say all")
    assert not out.exists()
    result = run("convert", file, out, "--lossy")
    assert result.exit_code == 0
    assert "lost: " in result.stderr


def test_convert_merges_pairs_and_names_the_row_that_is_wrong(tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("pre,post,synapses\na,b,1\na,b,3\n")
    out = tmp_path / "c.safetensors"
    refused(run("convert", edges, out), 1, "edges.csv")
    assert run("convert", edges, out, "--merge", "--weight", "synapses").exit_code == 0
    assert cg.load(out).projections[0].weight.tolist() == [4.0]
    edges.write_text("pre,post,weight\na,b,much\n")
    refused(run("convert", edges, out), 1, "edges.csv", "much")


def test_convert_refuses_a_weight_column_that_is_not_there(tmp_path: Path) -> None:
    edges, out = tmp_path / "edges.csv", tmp_path / "c.graphml"
    edges.write_text("pre,post,synapses\na,b,1\n")
    refused(run("convert", edges, out, "--weight", "nope"), 1, "edges.csv", "'nope'", "'synapses'")
    assert not out.exists()


def test_a_broken_header_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b"pre,post,weight\ra,b,1\r")
    refused(run("describe", tmp_path / "e.csv"), 1, "e.csv: line 1")


def test_an_unknown_ending_is_refused_with_the_known_ones(file: Path) -> None:
    refused(run("convert", file, file.with_name("c.xyz")), 1, ".xyz", ".graphml")
