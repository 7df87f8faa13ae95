"""Scores of missing links against the definition, path by path."""

import itertools
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgraph.errors import ShapeError
from circuitgraph.structural.link_prediction import PREDICTORS, Bipartite, ch2_l3n, ch3_l3, l3


@st.composite
def adjacencies(draw: st.DrawFn) -> np.ndarray:
    """Draw which post hears which pre, of sparse graphs and of dense ones.  Shape: (n_post, n_pre)."""
    n_post, n_pre = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    share, seed = draw(st.sampled_from([0.2, 0.5, 0.8])), draw(st.integers(0, 2**16))
    return np.random.default_rng(seed).random((n_post, n_pre)) < share


def graph_of(a: np.ndarray) -> Bipartite:
    post, pre = np.nonzero(a)
    return Bipartite.of(pre, post, n_pre=a.shape[1], n_post=a.shape[0])


def neighbours(a: np.ndarray) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """List the neighbours of each node of the graph, without regard to sides."""
    found: dict[tuple[str, int], set[tuple[str, int]]] = {("post", v): set() for v in range(a.shape[0])}
    found |= {("pre", u): set() for u in range(a.shape[1])}
    for v, u in np.argwhere(a):
        found["post", v].add(("pre", u))
        found["pre", u].add(("post", v))
    return found


def by_the_book(a: np.ndarray, what: str) -> np.ndarray:
    """Score each missing link by the definitions, on the graph as one of plain nodes."""
    near, out = neighbours(a), np.zeros(a.shape)
    for v, u in np.argwhere(~a):
        s, t = ("pre", u), ("post", v)
        paths = [(p, q) for p, q in itertools.product(near[s], near[t]) if p in near[q] and p != t and q != s]
        community = {node for path in paths for node in path}
        inside = {z: len(near[z] & community) for z in community}
        outside = {z: len(near[z] - community - {s, t}) for z in community}
        degree = {z: len(near[z]) for z in community}
        out[v, u] = {
            "ch3-l3": sum(1 / sqrt((1 + outside[p]) * (1 + outside[q])) for p, q in paths),
            "ch2-l3n": sum((1 + inside[z]) / (1 + outside[z]) for z in community),
            "l3": sum(1 / sqrt(degree[p] * degree[q]) for p, q in paths),
        }[what]
    return out


@pytest.mark.parametrize("name", PREDICTORS)
@given(a=adjacencies())
@settings(max_examples=60, deadline=None)
def test_scores_follow_the_definition_path_by_path(name: str, a: np.ndarray) -> None:
    np.testing.assert_allclose(PREDICTORS[name](graph_of(a)), by_the_book(a, name), rtol=1e-12, atol=0)


@given(a=adjacencies())
@settings(max_examples=60, deadline=None)
def test_the_node_based_score_is_the_matrix_form_of_the_soft_rule(a: np.ndarray) -> None:
    """Zhang et al. (2025) write it in products of matrices, with links out of the community counted by columns."""

    def members(links: np.ndarray) -> np.ndarray:
        shared = links @ links.T
        out = np.maximum(links.sum(1) - shared, 1)
        return np.where(shared > 0, (shared + 1) / out, 0) @ links

    links = a.astype(float)
    expected = (members(links) + members(links.T).T) * ~a
    np.testing.assert_allclose(ch2_l3n(graph_of(a)), expected, rtol=1e-12)


@pytest.mark.parametrize("name", PREDICTORS)
@given(a=adjacencies())
@settings(max_examples=30, deadline=None)
def test_neither_side_is_preferred(name: str, a: np.ndarray) -> None:
    score = PREDICTORS[name]
    np.testing.assert_allclose(score(graph_of(a)), score(graph_of(a.T)).T, rtol=1e-12)


@pytest.mark.parametrize("name", PREDICTORS)
@given(a=adjacencies(), cut=st.integers(0, 7))
@settings(max_examples=30, deadline=None)
def test_rows_do_not_depend_on_the_block_they_are_scored_in(name: str, a: np.ndarray, cut: int) -> None:
    graph, score = graph_of(a), PREDICTORS[name]
    cut = min(cut, len(a))
    parts = [score(graph, last=cut), score(graph, first=cut)]
    assert np.concatenate(parts).tolist() == score(graph).tolist()


@given(a=adjacencies())
@settings(max_examples=30, deadline=None)
def test_links_may_be_listed_in_any_order(a: np.ndarray) -> None:
    post, pre = np.nonzero(a)
    order = np.random.default_rng(0).permutation(len(pre))
    mixed = Bipartite.of(pre[order], post[order], n_pre=a.shape[1], n_post=a.shape[0])
    assert ch3_l3(mixed).tolist() == ch3_l3(graph_of(a)).tolist()


@pytest.mark.parametrize("score", [ch3_l3, ch2_l3n, l3])
def test_links_hidden_within_communities_are_found(score: object) -> None:
    """Two groups, dense within and sparse between: links that were hidden outrank pairs that never were linked."""
    rng = np.random.default_rng(1)
    group = np.arange(60) % 2
    a = rng.random((60, 60)) < np.where(group[:, None] == group, 0.4, 0.02)
    post, pre = np.nonzero(a)
    hidden = rng.permutation(len(pre))[:80]
    left = np.delete(np.arange(len(pre)), hidden)
    scores = score(Bipartite.of(pre[left], post[left], n_pre=60, n_post=60))  # type: ignore[operator]
    lost, never = scores[post[hidden], pre[hidden]], scores[~a]
    assert (lost[:, None] > never).mean() > 0.7


def test_a_graph_without_links_scores_nothing() -> None:
    empty = Bipartite.of([], [], n_pre=3, n_post=2)
    assert all(score(empty).tolist() == [[0.0] * 3] * 2 for score in PREDICTORS.values())


@pytest.mark.parametrize(
    ("pre", "post", "match"),
    [([0, 3], [0, 0], "out of range"), ([0, 0], [1, 1], "twice"), ([0], [0, 1], "length"), ([[0]], [0], "indices")],
)
def test_bad_links_are_refused(pre: list[int], post: list[int], match: str) -> None:
    with pytest.raises(ShapeError, match=match):
        Bipartite.of(pre, post, n_pre=3, n_post=2)


def test_rows_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ShapeError, match="rows"):
        ch3_l3(Bipartite.of([0], [0], n_pre=1, n_post=2), last=3)
