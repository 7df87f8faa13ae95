"""What networkx reads about its backend whenever it is imported: names only, nothing is imported here."""

from typing import Any

# Checked against what `views.backend` really holds by tests/views/test_backend.py.
FUNCTIONS: tuple[str, ...] = (
    "adjacency_matrix", "adjacency_spectrum", "all_pairs_dijkstra", "all_pairs_dijkstra_path",
    "all_pairs_dijkstra_path_length", "all_pairs_shortest_path", "all_pairs_shortest_path_length", "ancestors",
    "articulation_points", "attracting_components", "attribute_assortativity_coefficient",
    "attribute_mixing_dict", "attribute_mixing_matrix", "average_clustering", "average_neighbor_degree",
    "average_shortest_path_length", "bethe_hessian_matrix", "bethe_hessian_spectrum", "betweenness_centrality",
    "bfs_edges", "bfs_layers", "bfs_predecessors", "bfs_successors", "bfs_tree", "biconnected_component_edges",
    "biconnected_components", "bidirectional_shortest_path", "boundary_expansion", "bridges",
    "closeness_centrality", "clustering", "communicability", "communicability_exp", "condensation", "conductance",
    "connected_components", "core_number", "cut_size", "degree_assortativity_coefficient", "degree_centrality",
    "degree_mixing_dict", "degree_mixing_matrix", "degree_pearson_correlation_coefficient", "descendants",
    "descendants_at_distance", "dfs_edges", "dfs_postorder_nodes", "dfs_predecessors", "dfs_preorder_nodes",
    "dfs_successors", "dfs_tree", "diameter", "dijkstra_path", "dijkstra_path_length",
    "directed_combinatorial_laplacian_matrix", "directed_laplacian_matrix", "directed_modularity_matrix",
    "eccentricity", "edge_betweenness_centrality", "edge_expansion", "efficiency", "eigenvector_centrality",
    "eigenvector_centrality_numpy", "estrada_index", "flow_hierarchy", "global_efficiency", "google_matrix",
    "group_degree_centrality", "group_in_degree_centrality", "group_out_degree_centrality", "harmonic_centrality",
    "has_bridges", "has_cycle", "has_eulerian_path", "has_path", "hits", "in_degree_centrality",
    "incidence_matrix", "intra_community_edges", "is_aperiodic", "is_arborescence", "is_attracting_component",
    "is_biconnected", "is_branching", "is_connected", "is_directed_acyclic_graph", "is_empty", "is_eulerian",
    "is_forest", "is_isolate", "is_k_regular", "is_partition", "is_regular", "is_semiconnected",
    "is_semieulerian", "is_strongly_connected", "is_tournament", "is_tree", "is_weakly_connected", "isolates",
    "k_core", "k_corona", "k_crust", "k_shell", "katz_centrality", "katz_centrality_numpy", "laplacian_matrix",
    "laplacian_spectrum", "leiden_communities", "louvain_communities", "louvain_partitions", "modularity",
    "modularity_matrix", "modularity_spectrum", "multi_source_dijkstra", "multi_source_dijkstra_path",
    "multi_source_dijkstra_path_length", "node_attribute_xy", "node_boundary", "node_connected_component",
    "node_degree_xy", "normalized_cut_size", "normalized_laplacian_matrix", "normalized_laplacian_spectrum",
    "number_attracting_components", "number_connected_components", "number_of_isolates", "number_of_selfloops",
    "number_strongly_connected_components", "number_weakly_connected_components",
    "numeric_assortativity_coefficient", "onion_layers", "out_degree_centrality", "overall_reciprocity",
    "pagerank", "partition_quality", "periphery", "radius", "reciprocity", "rich_club_coefficient", "s_metric",
    "shortest_path", "shortest_path_length", "single_source_dijkstra", "single_source_dijkstra_path",
    "single_source_dijkstra_path_length", "single_source_shortest_path", "single_source_shortest_path_length",
    "single_target_shortest_path", "single_target_shortest_path_length", "square_clustering",
    "strongly_connected_components", "subgraph_centrality", "to_numpy_array", "to_pandas_adjacency",
    "to_scipy_sparse_array", "topological_generations", "topological_sort", "transitivity", "triadic_census",
    "triangles", "volume", "voterank", "weakly_connected_components", "wiener_index",
)  # fmt: skip


def get_info() -> dict[str, Any]:
    """Describe the backend to networkx.

    `min_edges`: a networkx graph with fewer edges is not converted of its own accord, where `backend_priority` asks
    for this backend.  `convert_all`: convert such graphs for every function, even if networkx then runs it; for tests.

    Example:
        >>> get_info()["backend_name"]
        'circuitgraph'
    """
    return {
        "backend_name": "circuitgraph",
        "project": "circuitgraph-nn",
        "package": "circuitgraph",
        "short_summary": "Circuits as graphs, on compiled arrays.",
        "default_config": {"min_edges": 1_000, "convert_all": False},
        "functions": {name: {} for name in FUNCTIONS},
    }
