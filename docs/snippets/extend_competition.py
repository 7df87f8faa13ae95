"""A competition of your own: winners that must exceed a bar."""

# --8<-- [start:code]
from torch import Tensor

import circuitgraph as cg
from circuitgraph.ir import value
from circuitgraph.registry import competitions
from circuitgraph.rules import Moved, StrongestWinners, Winners
from circuitgraph.testing import check_competition


@competitions.register("above")
@value
class AboveWinners(Winners):
    """The `top_k` strongest win where they exceed `least`, in units of u."""

    least: float = 0.0

    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        won, moved = StrongestWinners(self.top_k).judge(u, memory)
        return won * (u > self.least), moved


check_competition(AboveWinners(2, least=0.5))
rule = cg.HardWTA(0.1, winners=AboveWinners(2, least=0.5))
# --8<-- [end:code]
circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, rule=rule)
net = cg.compile(circuit)
assert net.circuit.projection("x->y").rule == rule
