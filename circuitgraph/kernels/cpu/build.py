"""From a topology to compressed rows."""

import numpy as np
import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.cpu.wires import is_sorted, narrow, row_begins, sort_pairs, transpose
from circuitgraph.kernels.cpu.wiring import Wiring, shared
from circuitgraph.topologies.sparse import check_range


def compress(topology: Topology, pre: Shape, post: Shape) -> tuple[Wiring, Tensor | None, Tensor | None]:
    """List a topology's synapses by postsynaptic neuron.

    Returns the rows, the slot of each synapse (None where they are listed in slot order), and its coefficient (None
    where all are one).
    """
    listed = topology.listed(pre, post)
    slot: np.ndarray | None = None
    coef: np.ndarray | None = None
    if listed is None:
        table = topology.synapses(pre, post)
        at_pre, at_post = table.pre, table.post
        in_order = len(table) == topology.n_slots(pre, post) and bool((np.diff(table.slot) == 1).all())
        slot = None if in_order else table.slot
        coef = None if (table.coef == 1).all() else table.coef
    else:
        at_pre, at_post = listed
        for name, index, size in (("pre", at_pre, n_neurons(pre)), ("post", at_post, n_neurons(post))):
            check_range(topology, name, index, size)
        if not is_sorted(at_post, at_pre):
            slot = sort_pairs(at_post, at_pre, n_neurons(post), n_neurons(pre))
            at_pre, at_post = at_pre[slot], at_post[slot]
    cols = at_pre.astype(narrow(n_neurons(pre)), copy=False)
    wiring = Wiring(row_begins(at_post, n_neurons(post)), cols, n_neurons(pre))
    return wiring, _tensor(slot), _tensor(coef)


def turn(wiring: Wiring) -> tuple[Wiring, Tensor]:
    """List the same synapses by presynaptic neuron, and say where the weight of each is."""
    begins, rows, perm = transpose(wiring.begins.numpy(), wiring.cols.numpy(), wiring.n_cols)
    return Wiring(begins, rows, wiring.n_rows), torch.from_numpy(perm)


def _tensor(a: np.ndarray | None) -> Tensor | None:
    return None if a is None else shared(a)
