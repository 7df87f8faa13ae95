"""How weights change from local activity."""

from circuitgraph.rules.competition import (
    AdaptiveWinners,
    HomeostaticWinners,
    StrongestWinners,
    TemporalWinners,
    Winners,
)
from circuitgraph.rules.competitive import BCM, HardWTA, KrotovHopfield
from circuitgraph.rules.hebbian import Covariance, Hebb, Instar, Oja
from circuitgraph.rules.lateral import AntiHebb
from circuitgraph.rules.rule import Change, Explained, Moved, Rule, Signals, Term
from circuitgraph.rules.softhebb import SoftHebb
from circuitgraph.rules.subspace import Sanger, Subspace, Whitening
from circuitgraph.rules.update import prepare_change, weight_change

__all__ = [
    "BCM", "AdaptiveWinners", "AntiHebb", "Change", "Covariance", "Explained", "HardWTA", "Hebb", "HomeostaticWinners",
    "Instar", "KrotovHopfield", "Moved", "Oja", "Rule", "Sanger", "Signals", "SoftHebb", "StrongestWinners", "Subspace",
    "TemporalWinners", "Term", "Whitening", "Winners", "prepare_change", "weight_change",
]  # fmt: skip
