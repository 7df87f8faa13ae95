"""Competition for a share of the places."""

from numbers import Real

from torch import Tensor

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, value
from circuitgraph.kernels.nearest import nearest_winners
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.registry import neurons


@neurons.register("nearest-winners")
@value
class NearestWinners(Neuron):
    """Let the strongest share of the units of each site fire 1, the others 0: y = 1 where u > threshold.

    The threshold is the strongest loser's input, so k = round(share * units), at least 1, fire; where inputs are equal
    to the strongest loser's, fewer, and none of a site without any contrast.  With `rectified` winners fire by how much
    they pass it: y = max(u - threshold, 0).  The threshold passes no gradient; nor does the choice.

    Units with weights of one norm that look at input of one norm are nearest to it where u is largest: the k nearest
    neighbours in a dictionary (Thiry et al. 2021, who take 0.4).

    Raises:
        ShapeError: for a share that is not between 0 and 1, or one unit alone.

    Example:
        >>> import torch
        >>> u = {"in": torch.tensor([[3.0, 1.0, 2.0, 0.5]])}
        >>> [NearestWinners(0.5, rectified=r).drive(u, {}, training=False)[0].tolist() for r in (False, True)]
        [[[1.0, 0.0, 1.0, 0.0]], [[2.0, 0.0, 1.0, 0.0]]]
    """

    share: float = 0.4
    rectified: bool = False

    def __post_init__(self) -> None:
        number = isinstance(self.share, Real) and not isinstance(self.share, bool)
        if not number or not 0 < self.share < 1:
            raise ShapeError(f"NearestWinners: share (got {self.share!r}, expected a number above 0 and below 1)")

    def winners(self, n_units: int) -> int:
        """Say how many of so many units win.

        Example:
            >>> NearestWinners(0.4).winners(2048)
            819
        """
        return min(max(1, round(self.share * n_units)), n_units - 1)

    def check(self, shape: Shape) -> None:
        if shape[0] < 2:
            raise ShapeError(f"{self!r}: nobody to compete with (got {shape[0]} unit, expected at least 2)")

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        return nearest_winners(u, self.winners(u.shape[1]), rectified=self.rectified), {}

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(0.7), cls(0.4, rectified=True)]
