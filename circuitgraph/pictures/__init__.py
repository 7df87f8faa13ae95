"""Pictures of circuits and of what networks do, each a function that returns matplotlib's Axes; and a report in HTML.

Nothing is shown and no global state is touched: each function draws on the `ax` that it is given, or on a new figure of
its own (`ax.figure.savefig(...)`).  Those of structure alone need no torch.
"""

from typing import TYPE_CHECKING, Any

from circuitgraph.pictures.adjacency import adjacency
from circuitgraph.pictures.diagram import diagram
from circuitgraph.pictures.distributions import degrees, weights
from circuitgraph.pictures.page import report

if TYPE_CHECKING:
    from circuitgraph.pictures.fields import preferred_input, receptive_fields
    from circuitgraph.pictures.history import log
    from circuitgraph.pictures.responses import activation_maps, find_patches, top_patches
    from circuitgraph.pictures.winning import Wins, count_wins, winners

__all__ = [
    "Wins", "activation_maps", "adjacency", "count_wins", "degrees", "diagram", "find_patches", "log",
    "preferred_input", "receptive_fields", "report", "top_patches", "weights", "winners",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # What runs networks imports torch, which pictures of structure do without.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from circuitgraph.pictures import fields, history, responses, winning

    return next(getattr(module, name) for module in (fields, history, responses, winning) if name in vars(module))
