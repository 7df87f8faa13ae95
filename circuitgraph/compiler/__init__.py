"""The bridge from structure to dynamics."""

from circuitgraph.compiler.network import Network, compile
from circuitgraph.compiler.plan import Plan
from circuitgraph.compiler.state import State

__all__ = ["Network", "Plan", "State", "compile"]
