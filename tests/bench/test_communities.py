"""The benchmark of communities: who may read labels, what F1 counts, and the command by running it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from circuitgraph.bench import __main__ as command
from circuitgraph.bench import community_report, community_tasks
from circuitgraph.bench.communities import (
    METHODS,
    agreement,
    build,
    choose,
    hops,
    learn_classes,
    learn_edges,
    optimizer_of,
    remove,
)
from circuitgraph.bench.community_tasks import FAMILIES, QUICK, CommunitySettings, Task, draw_task
from circuitgraph.compiler import compile

TINY = QUICK.model_copy(update={"n_batches": 2, "passes": 1, "epochs": 3, "hops": 2, "graphs": ("attached",)})
NEEDS_ENGINE = {"leiden"}


@pytest.fixture(scope="module")
def task() -> Task:
    return draw_task("attached", TINY, 0)


def shuffled(task: Task, *, test_only: bool) -> Task:
    """Permute the labels of test nodes, or of all."""
    labels, at = task.labels.copy(), np.flatnonzero(~task.train | (not test_only))
    labels[at] = np.random.default_rng(1).permutation(labels[at])
    return dataclasses.replace(task, labels=labels)


def needs(method: str) -> None:
    if method in NEEDS_ENGINE:
        pytest.importorskip("networkit")


@pytest.mark.parametrize("method", [m for m in METHODS if m != "oracle"])
def test_labels_of_test_nodes_never_change_what_is_pruned(method: str, task: Task) -> None:
    needs(method)
    np.testing.assert_array_equal(choose(method, task, TINY), choose(method, shuffled(task, test_only=True), TINY))


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("oracle", "magnitude")])
def test_labels_of_training_nodes_reach_no_method_without_gradient(method: str, task: Task) -> None:
    needs(method)
    np.testing.assert_array_equal(choose(method, task, TINY), choose(method, shuffled(task, test_only=False), TINY))


@pytest.mark.parametrize("method", ["oracle", "magnitude"])
def test_the_bound_reads_labels_and_gradient_those_of_training_nodes(method: str, task: Task) -> None:
    changed = choose(method, shuffled(task, test_only=False), TINY)
    assert not np.array_equal(choose(method, task, TINY), changed)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_removes_exactly_as_many_edges(method: str, task: Task) -> None:
    needs(method)
    assert choose(method, task, TINY).sum() == task.n_removed


def test_the_loss_reads_labels_of_training_nodes_only(task: Task) -> None:
    weights = []
    for t in (task, shuffled(task, test_only=True)):
        net = compile(build(t, TINY))
        learn_classes(net, optimizer_of(net, TINY), t, 2)
        weights.append(torch.cat([w.detach() for w in net.parameters()]))
    assert torch.equal(*weights)


def test_edges_learn_by_their_rule_and_not_by_gradient(task: Task) -> None:
    net = learn_edges(task, TINY, features=True)
    start = compile(build(task, TINY)).weights
    edges, learned = hops(net.circuit), [net.weights[name].clone() for name in hops(net.circuit)]
    assert all(not torch.equal(w, start[name]) for name, w in zip(edges, learned, strict=True))
    learn_classes(net, optimizer_of(net, TINY), task, 2)
    assert all(torch.equal(net.weights[name], w) for name, w in zip(edges, learned, strict=True))
    assert not torch.equal(net.weights["hidden->class"], start["hidden->class"])


def test_the_oracle_finds_every_edge_between_communities_where_the_count_is_theirs(task: Task) -> None:
    exact = dataclasses.replace(task, n_removed=int(task.between.sum()))
    np.testing.assert_array_equal(choose("oracle", exact, TINY), task.between)


def test_f1_agrees_with_a_loop_over_undirected_edges() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels = rng.integers(0, 3, 6)
        edges = [(i, j) for i in range(6) for j in range(i + 1, 6) if rng.random() < 0.6]
        gone = [rng.random() < 0.4 for _ in edges]
        right = sum(1 for (i, j), g in zip(edges, gone, strict=True) if g and labels[i] != labels[j])
        wrong = sum(1 for (i, j), g in zip(edges, gone, strict=True) if g and labels[i] == labels[j])
        missed = sum(1 for (i, j), g in zip(edges, gone, strict=True) if not g and labels[i] != labels[j])
        expected = right / (right + (wrong + missed) / 2) if right + wrong + missed else 0.0
        between = np.array([labels[i] != labels[j] for i, j in edges])
        assert agreement(np.array(gone), between)["f1"] == pytest.approx(expected)


def test_an_edge_counts_once_and_goes_in_both_directions_of_every_hop(task: Task) -> None:
    assert 2 * task.n_edges == task.adjacency.nnz
    net = learn_edges(task, TINY, features=True)
    removed = np.zeros(task.n_edges, bool)
    removed[[3, 10]] = True
    gone = {tuple(task.ends[:, e]) for e in (3, 10)}
    remove(net, optimizer_of(net, TINY), removed, "test")
    for name in hops(net.circuit):
        wiring = net.circuit.projection(name).topology
        left = set(zip(wiring.pre.tolist(), wiring.post.tolist(), strict=True))  # type: ignore[attr-defined]
        assert len(left) == 2 * task.n_edges - 4
        assert not left & (gone | {(j, i) for i, j in gone})


@pytest.mark.parametrize("name", FAMILIES)
def test_the_share_that_is_removed_is_the_share_of_the_family(name: community_tasks.GraphName) -> None:
    if name == "lfr":
        pytest.importorskip("networkit")
    drawn = [draw_task(name, TINY, seed) for seed in range(5)]
    true = np.mean([t.between.mean() for t in drawn])
    assert true == pytest.approx(FAMILIES[name].between, abs=0.03)


def run(*words: str) -> Result:
    return CliRunner().invoke(command.app, ["communities", *words])


def test_the_command_writes_a_line_for_each_method_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("networkit")
    monkeypatch.setattr(community_tasks, "QUICK", TINY)
    result = run("--quick", "--seeds", "0,3", "--json", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert result.stdout == (tmp_path / "results.jsonl").read_text()
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(li["seed"], li["method"]) for li in lines] == [(s, m) for s in (0, 3) for m in ("none", *METHODS)]
    for line in lines:
        assert line.keys() >= {
            "graph",
            "f1",
            "precision",
            "recall",
            *community_report.SHOWN,
            "accuracy_before",
            "device",
            "versions",
        }
        assert line["n_removed"] == (0 if line["method"] == "none" else round(0.33 * line["n_edges"]))
        assert str(tmp_path) not in json.dumps(line)
    assert (tmp_path / "f1.png").stat().st_size > 1000
    for words in ("trace of noise", "attached", "Barabási", "F1 %"):
        assert words in result.stderr


@pytest.mark.parametrize("words", [("--graphs", "ring"), ("--seeds", "none")])
def test_wrong_options_name_what_is_expected(words: tuple[str, str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert words[0] in result.stderr
    assert words[1] in result.stderr


def test_the_same_seed_gives_the_same_task_and_another_seed_another() -> None:
    a, b, c = (draw_task("hidden", CommunitySettings(), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.ends, b.ends)
    assert torch.equal(a.features, b.features)
    assert a.ends.shape != c.ends.shape or not np.array_equal(a.ends, c.ends)
