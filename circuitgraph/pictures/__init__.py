"""Pictures of circuits and of what networks do, each a function that returns matplotlib's Axes; and a report in HTML.

Nothing is shown and no global state is touched: each function draws on the `ax` that it is given, or on a new figure of
its own (`ax.figure.savefig(...)`).  Those of structure alone need no torch.
"""

from typing import TYPE_CHECKING, Any

from circuitgraph.pictures.adjacency import adjacency
from circuitgraph.pictures.curves import accuracy_curves
from circuitgraph.pictures.diagram import diagram
from circuitgraph.pictures.distributions import degrees, memory, weights
from circuitgraph.pictures.page import report

if TYPE_CHECKING:
    from circuitgraph.pictures.ascent import preferred_input
    from circuitgraph.pictures.fields import receptive_fields
    from circuitgraph.pictures.history import log
    from circuitgraph.pictures.maps import winner_maps
    from circuitgraph.pictures.responses import activation_maps, find_patches, top_patches
    from circuitgraph.pictures.winning import Wins, count_wins, winners

__all__ = [
    "Wins", "accuracy_curves", "activation_maps", "adjacency", "count_wins", "degrees", "diagram", "find_patches",
    "log", "memory", "preferred_input", "receptive_fields", "report", "top_patches", "weights", "winner_maps",
    "winners",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # What runs networks imports torch, which pictures of structure do without.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from circuitgraph.pictures import ascent, fields, history, maps, responses, winning

    modules = (ascent, fields, history, maps, responses, winning)
    return next(getattr(module, name) for module in modules if name in vars(module))
