"""The bridge from structure to dynamics."""

from circuitgraph.compiler.carry import carry
from circuitgraph.compiler.log import Log, replay
from circuitgraph.compiler.network import Network, compile
from circuitgraph.compiler.plan import Plan
from circuitgraph.compiler.state import State

__all__ = ["Log", "Network", "Plan", "State", "carry", "compile", "replay"]
