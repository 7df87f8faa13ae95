"""How weights change from local activity."""

from circuitgraph.rules.hebbian import Hebb, Instar, Oja
from circuitgraph.rules.lateral import AntiHebb
from circuitgraph.rules.rule import Change, Rule, Signals, Term
from circuitgraph.rules.softhebb import HardWTA, SoftHebb
from circuitgraph.rules.update import prepare_change, weight_change

__all__ = [
    "AntiHebb", "Change", "HardWTA", "Hebb", "Instar", "Oja", "Rule", "Signals", "SoftHebb", "Term",
    "prepare_change", "weight_change",
]  # fmt: skip
