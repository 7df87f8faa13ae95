"""Motifs, rich club, small worlds, participation and balance, each against an explicit loop."""

import itertools

import networkx as nx
import numpy as np
import pytest

from circuitgraph.communities import Partition
from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.balance import balance
from circuitgraph.graphs.club import RichClub, club_shares, rich_club
from circuitgraph.graphs.compare import p_values, z_scores
from circuitgraph.graphs.motifs import MOTIFS, Motifs, count_motifs, motifs
from circuitgraph.graphs.nulls import draw_pairs
from circuitgraph.graphs.participation import module_z, participation
from circuitgraph.graphs.small_world import SmallWorldness, joined, path_length, reached, small_world


def graph(n: int = 14, m: int = 50, seed: int = 0, *, directed: bool = True, loops: bool = True) -> Arrays:
    rng = np.random.default_rng(seed)
    pre, post = draw_pairs(n, n, m, rng, loops=loops, directed=directed)
    return Arrays.from_edges(n, pre, post, rng.choice([-2.0, -0.5, 1.0, 3.0], m), directed=directed)


def square(a: Arrays) -> np.ndarray:
    out = np.zeros((a.n, a.n))
    out[a.pre, a.post] = a.weight
    return out


def isomorphic(a: np.ndarray, b: np.ndarray) -> bool:
    return any(np.array_equal(a[np.ix_(p, p)], b) for p in itertools.permutations(range(3)))


# Edges of each connected triad, drawn by hand after Holland and Leinhardt (1970), figure 1.
TRIADS = {
    "021D": [(1, 0), (1, 2)], "021U": [(0, 1), (2, 1)], "021C": [(0, 1), (1, 2)],
    "111D": [(0, 1), (1, 0), (2, 1)], "111U": [(0, 1), (1, 0), (1, 2)],
    "030T": [(0, 1), (1, 2), (0, 2)], "030C": [(0, 1), (1, 2), (2, 0)],
    "201": [(0, 1), (1, 0), (1, 2), (2, 1)],
    "120D": [(0, 1), (1, 0), (2, 0), (2, 1)], "120U": [(0, 1), (1, 0), (0, 2), (1, 2)],
    "120C": [(0, 1), (1, 0), (0, 2), (2, 1)],
    "210": [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2)],
    "300": [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)],
}  # fmt: skip


def drawn(edges: list[tuple[int, int]]) -> np.ndarray:
    out = np.zeros((3, 3), bool)
    out[tuple(np.array(edges).T)] = True
    return out


@pytest.mark.parametrize("seed", range(3))
def test_motifs_are_counted_as_by_looking_at_every_pair_and_triple(seed: int) -> None:
    a = graph(seed=seed)
    met = square(a) != 0
    np.fill_diagonal(met, False)
    expected = dict.fromkeys(MOTIFS, 0)
    for i, j in itertools.combinations(range(a.n), 2):
        kind = {2: "mutual", 1: "asymmetric"}.get(int(met[i, j]) + int(met[j, i]))
        if kind:
            expected[kind] += 1
    for triple in itertools.combinations(range(a.n), 3):
        part = met[np.ix_(triple, triple)]
        for name, edges in TRIADS.items():
            expected[name] += isomorphic(part, drawn(edges))
    assert dict(zip(MOTIFS, count_motifs(a).tolist(), strict=True)) == expected


def test_a_planted_motif_is_found_and_only_that() -> None:
    # Feed-forward loops on 120 nodes, each node in several, and nothing else.
    rng = np.random.default_rng(0)
    triples = np.sort(np.array([rng.choice(120, 3, replace=False) for _ in range(120)]), axis=1)
    pairs = {(int(t[i]), int(t[j])) for t in triples for i, j in ((0, 1), (1, 2), (0, 2))}
    a = Arrays.from_edges(120, *np.array(sorted(pairs)).T)
    found = motifs(a, n_graphs=49, rng=1)
    assert found.of("030T")["z"] > 10
    assert found.of("030T")["p_over"] == 1 / 50
    assert found.profile[MOTIFS.index("030T") - 2] > 0.5
    assert np.linalg.norm(found.profile) == pytest.approx(1)
    assert found.of("030C")["count"] == 0
    assert found.of("mutual")["p_over"] == 1


def test_mutual_links_can_be_part_of_the_null_or_of_the_question() -> None:
    rng = np.random.default_rng(0)
    pre, post = draw_pairs(60, 60, 100, rng, loops=False, directed=False)
    a = Arrays.from_edges(60, np.r_[pre, post], np.r_[post, pre])
    kept, free = (motifs(a, n_graphs=19, keep_mutual=k) for k in (True, False))
    assert kept.of("mutual")["z"] == 0
    assert kept.of("201")["p_over"] > 0.05
    assert free.of("mutual")["z"] > 10
    assert free.of("201")["p_over"] == 0.05


def test_scores_against_nulls_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    found, nulls = rng.normal(size=4), rng.normal(size=(30, 4))
    for k in range(4):
        z = (found[k] - np.mean(nulls[:, k])) / np.std(nulls[:, k])
        as_high = sum(x >= found[k] for x in nulls[:, k])
        assert z_scores(found, nulls)[k] == pytest.approx(z)
        assert p_values(found, nulls)[k] == (1 + as_high) / 31
    flat = np.full((3, 3), 2.0)
    assert z_scores(np.array([1.0, 2.0, 3.0]), flat).tolist() == [-np.inf, 0, np.inf]
    assert not Motifs(np.ones(15), np.ones((2, 15))).profile.any()


@pytest.mark.parametrize("directed", [True, False])
def test_rich_club_shares_are_counted_pair_by_pair(directed: bool) -> None:
    a = graph(directed=directed, loops=False)
    met = square(a) != 0
    degree = met.sum(0) + met.sum(1) if directed else met.sum(1)
    shares = club_shares(a)
    for k in range(len(shares)):
        rich = np.flatnonzero(degree > k)
        pairs = list(itertools.permutations(rich, 2))
        assert shares[k] == pytest.approx(sum(met[i, j] for i, j in pairs) / len(pairs))
    assert (degree > len(shares)).sum() < 2
    if not directed:
        expected = nx.rich_club_coefficient(nx.from_numpy_array(met), normalized=False)
        assert shares.tolist() == pytest.approx([expected[k] for k in range(len(shares))])


def test_a_planted_club_is_rich_and_a_random_graph_has_none() -> None:
    rng = np.random.default_rng(0)
    pairs = {(i, j) for i, j in itertools.permutations(range(8), 2)}
    pairs |= {(int(i), int(j)) for i, j in zip(*draw_pairs(100, 100, 500, rng, loops=False), strict=True)}
    club = rich_club(Arrays.from_edges(100, *np.array(sorted(pairs)).T), n_graphs=39)
    k = int(np.sort(club.degree)[-9])  # those of more edges are the eight
    assert club.members(k).tolist() == list(range(8))
    assert club.normalised[k] > 1.5
    assert club.p_value[k] == 1 / 40
    assert club.z[k] > 4
    assert club.spread[k] < 0.3
    flat = rich_club(Arrays.from_edges(100, *draw_pairs(100, 100, 800, rng, loops=False)), n_graphs=39)
    some = [k for k in range(len(flat.phi)) if 20 <= len(flat.members(k)) <= 80]
    assert 0.02 < np.median(flat.p_value[some]) < 0.98
    assert abs(np.median(flat.normalised[some]) - 1) < 0.1


def test_normalising_divides_by_the_mean_of_the_nulls() -> None:
    club = RichClub(np.array([0.5, 0.0]), np.array([[0.2, 0.0], [0.3, 0.0]]), np.array([3, 1]))
    assert club.normalised[0] == pytest.approx(2)
    assert club.spread[0] == pytest.approx(0.05 / 0.25)
    assert np.isnan(club.normalised[1])


@pytest.mark.parametrize("directed", [True, False])
def test_path_length_is_the_mean_over_pairs_that_a_path_connects(directed: bool) -> None:
    a = graph(m=16, directed=directed)
    g = nx.from_numpy_array(square(a), create_using=nx.DiGraph if directed else nx.Graph)
    found = [d for i, row in nx.all_pairs_shortest_path_length(g) for j, d in row.items() if i != j]
    assert len(found) < a.n * (a.n - 1)
    assert path_length(a) == pytest.approx(np.mean(found))
    assert path_length(a, "harmonic") == pytest.approx(a.n * (a.n - 1) / sum(1 / d for d in found))
    assert reached(a) == pytest.approx(len(found) / (a.n * (a.n - 1)))


def test_graphs_without_paths_have_no_length() -> None:
    none = Arrays.from_edges(3, np.zeros(0, int), np.zeros(0, int))
    assert np.isnan(path_length(none))
    assert path_length(none, "harmonic") == np.inf
    assert reached(none) == 0


def test_direction_is_forgotten_pair_by_pair() -> None:
    a = graph()
    met = square(a) != 0
    np.fill_diagonal(met, False)
    b = joined(a)
    found = np.zeros((a.n, a.n), bool)
    found[b.pre, b.post] = True
    assert np.array_equal(found, met | met.T)
    assert b.weight is None


def test_small_world_indices_are_those_of_the_formulas() -> None:
    random, lattice = np.array([[0.1, 2.0], [0.2, 2.2]]), np.array([[0.6, 8.0], [0.7, 10.0]])
    s = SmallWorldness(0.5, 3.0, 1.0, random, lattice)
    assert s.sigma == pytest.approx((0.5 / 0.15) / (3.0 / 2.1))
    assert s.omega == pytest.approx(2.1 / 3.0 - 0.5 / 0.65)
    d_c, d_l = (0.65 - 0.5) / (0.65 - 0.15), (3.0 - 2.1) / (9.0 - 2.1)
    assert s.propensity == pytest.approx(1 - np.sqrt((d_c**2 + d_l**2) / 2))
    beyond = SmallWorldness(0.9, 1.0, 1.0, random, lattice)  # deviations are cut to 0..1
    assert beyond.propensity == 1.0


@pytest.mark.parametrize("directed", [True, False])
def test_rewired_rings_are_small_worlds_and_their_ends_are_not(directed: bool) -> None:
    # Watts and Strogatz (1998): few shortcuts shorten paths and leave the clustering.
    rng, ring = np.random.default_rng(0), np.arange(300)
    found = {}
    for share in (0.0, 0.05, 1.0):
        pairs = set()
        for k in range(1, 5):
            for i in ring:
                j = int(rng.integers(300)) if rng.random() < share else int((i + k) % 300)
                if i != j and (j, int(i)) not in pairs:
                    pairs.add((int(i), j))
        a = Arrays.from_edges(300, *np.array(sorted(pairs)).T, directed=directed)
        found[share] = small_world(a, n_graphs=2, rng=1)
    assert found[0.05].sigma > 5 > 1.5 > found[1.0].sigma
    assert found[0.0].omega < -0.4 < found[0.05].omega < 0.4 < found[1.0].omega
    assert found[0.05].propensity > max(found[0.0].propensity, found[1.0].propensity)


def test_small_worlds_ask_for_edges_and_a_known_mean() -> None:
    with pytest.raises(ShapeError, match="no edge between two nodes"):
        small_world(Arrays.from_edges(2, np.array([0]), np.array([0])))
    with pytest.raises(UnknownNameError, match="no mean 'median'"):
        small_world(graph(), mean="median")
    with pytest.raises(ShapeError, match="bad number of graphs"):
        small_world(graph(), n_graphs=0)
    with pytest.raises(ShapeError, match="undirected"):
        motifs(graph(directed=False))


LABELS = np.array([4, 4, 4, 1, 1, 1, 1, 7, 7, 7, 7, 7, 9, 1])


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("side", ["in", "out", "in+out"])
def test_participation_is_that_of_the_formula(side: str, directed: bool) -> None:
    a = graph(directed=directed)
    w = square(a)
    found, alone = participation(a, LABELS, side), module_z(a, Partition(LABELS), side)
    for sign, p, z in ((1, found.positive, alone.positive), (-1, found.negative, alone.negative)):
        part = np.where(sign * w > 0, abs(w), 0)
        k = {"out": part, "in": part.T, "in+out": part + part.T}[side] if directed else part
        home = {}
        for i in range(a.n):
            total, squares = k[i].sum(), 0.0
            for s in set(LABELS):
                squares += sum(k[i, j] for j in range(a.n) if LABELS[j] == s) ** 2
            assert p[i] == pytest.approx(1 - squares / total**2 if total else 0, abs=1e-12)
            home[i] = sum(k[i, j] for j in range(a.n) if LABELS[j] == LABELS[i])
        for i in range(a.n):
            others = [home[j] for j in range(a.n) if LABELS[j] == LABELS[i]]
            expected = (home[i] - np.mean(others)) / np.std(others) if np.std(others) else 0
            assert z[i] == pytest.approx(expected, abs=1e-9)


def test_labels_of_another_length_are_refused() -> None:
    for measure in (participation, module_z):
        with pytest.raises(ShapeError, match="got 2 labels, expected 14"):
            measure(graph(), [0, 1])


def test_balance_sums_either_sign_in_and_out() -> None:
    a = graph()
    w, b = square(a), balance(a)
    for i in range(a.n):
        assert b.excitation_in[i] == sum(x for x in w[:, i] if x > 0)
        assert b.inhibition_in[i] == -sum(x for x in w[:, i] if x < 0)
        assert b.excitation_out[i] == sum(x for x in w[i] if x > 0)
        assert b.inhibition_out[i] == -sum(x for x in w[i] if x < 0)
        if b.inhibition_in[i]:
            assert b.ratio_in[i] == b.excitation_in[i] / b.inhibition_in[i]
        if w[i].any():
            assert b.index_out[i] == pytest.approx(w[i].sum() / abs(w[i]).sum())
    groups = b.grouped(LABELS)
    for k, s in enumerate(sorted(set(LABELS))):
        assert groups.inhibition_in[k] == b.inhibition_in[s == LABELS].sum()
    assert balance(Arrays.from_edges(2, np.array([0]), np.array([1]))).excitation_in.tolist() == [0, 1]
    with pytest.raises(ShapeError, match="got 1 labels"):
        b.grouped([0])
