"""Dividing activity by its own size."""

from typing import Literal

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError
from circuitgraph.ir import value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.neurons.pointwise import need_positive
from circuitgraph.registry import neurons


@neurons.register("normalize")
@value
class Normalize(Neuron):
    """Divide by the Euclidean norm over the units of each site, or over all neurons: y = v / sqrt(sum of v ** 2 + eps).

    v is u, or with `centre` u less its mean over the same neurons: contrast normalisation, as of the patches of Coates,
    Ng and Lee (2011).  `eps`, in squared units of u, is what a silent site is divided by.  Sums are float32 or wider.

    Raises:
        ShapeError: for an eps that is no positive number, or rivals of another name.

    Example:
        >>> import torch
        >>> y, _ = Normalize().drive({"in": torch.tensor([[3.0, 4.0]], dtype=torch.float64)}, {}, training=False)
        >>> y.numpy().round(2).tolist()
        [[0.6, 0.8]]
    """

    eps: float = 1e-5
    centre: bool = False
    among: Literal["units", "neurons"] = "units"

    def __post_init__(self) -> None:
        need_positive(self, "eps", self.eps)
        if self.among not in ("units", "neurons"):
            raise ShapeError(f"Normalize: among (got {self.among!r}, expected 'units' or 'neurons')")

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        kind = torch.float64 if u.dtype == torch.float64 else torch.float32
        over = [1] if self.among == "units" else [*range(1, u.ndim)]
        v = u - u.mean(over, keepdim=True, dtype=kind).to(u.dtype) if self.centre else u
        rate = (v.to(kind).square().sum(over, keepdim=True) + self.eps).rsqrt()
        return v * rate.to(u.dtype), {}

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(0.1, centre=True), cls(among="neurons"), cls(centre=True, among="neurons")]
