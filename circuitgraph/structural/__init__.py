"""Structure that changes while it learns: pruning by score, amount and schedule, rewiring, and a training loop."""

from circuitgraph.structural.amounts import Amount, Count, ErdosRenyiKernel, Fraction, Global, Threshold, ToDensity
from circuitgraph.structural.growth import Newborns, gradmax_directions, residual_directions
from circuitgraph.structural.importance import importance
from circuitgraph.structural.look import look
from circuitgraph.structural.loop import Moment, Trainer
from circuitgraph.structural.prune import Prune
from circuitgraph.structural.rewiring import SET, CannistraciHebb, Rewiring, RigL, cosine_share, rewire
from circuitgraph.structural.schedules import Cubic, Cyclic, Every, Once, Schedule
from circuitgraph.structural.scores import Score
from circuitgraph.structural.scores_activity import Activity, Correlation, HebbianTrace
from circuitgraph.structural.scores_gradient import BatchFisher, Fisher, Saliency
from circuitgraph.structural.scores_weight import Community, Magnitude, Random
from circuitgraph.structural.seen import Gram, Levels, Seen, see
from circuitgraph.structural.starved import newborn_report
from circuitgraph.structural.triggers import Novelty, Plateau, Trigger
from circuitgraph.structural.watch import wiring_modularity

__all__ = [
    "SET", "Activity", "Amount", "BatchFisher", "CannistraciHebb", "Community", "Correlation", "Count", "Cubic",
    "Cyclic", "ErdosRenyiKernel", "Every", "Fisher", "Fraction", "Global", "Gram", "HebbianTrace", "Levels",
    "Magnitude", "Moment", "Newborns", "Novelty", "Once", "Plateau", "Prune", "Random", "Rewiring", "RigL",
    "Saliency", "Schedule", "Score", "Seen", "Threshold", "ToDensity", "Trainer", "Trigger", "cosine_share",
    "gradmax_directions", "importance", "look", "newborn_report", "residual_directions", "rewire", "see",
    "wiring_modularity",
]  # fmt: skip
