"""Choose the cheapest kernel that can compute a projection."""

from circuitgraph.errors import StructureError
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels.kernel import Kernel
from circuitgraph.registry import kernels


def make_kernel(topology: Topology, pre: Shape, post: Shape, name: str | None = None) -> Kernel:
    """Make the kernel called `name`, or the cheapest one by its own estimate.

    Raises:
        UnknownNameError: if there is no kernel of that name.
        StructureError: if it does not support the topology.

    Example:
        >>> from circuitgraph.topologies import Dense
        >>> make_kernel(Dense(), (3,), (2,)).name, make_kernel(Dense(), (3,), (2,), "sparse").name
        ('dense', 'sparse')
    """
    names = [name] if name else list(kernels)
    able = [kernels[n] for n in names if kernels[n].supports(topology, pre, post)]
    if not able:
        raise StructureError(f"kernel {name!r}: does not support {topology!r}; leave it out to let the compiler choose")
    return min(able, key=lambda k: k.cost(topology, pre, post))(topology, pre, post)
