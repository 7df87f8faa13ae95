"""The Bethe-Hessian: the matrix whose negative eigenvalues tell how many communities can be known from the edges."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.sparse.linalg import eigsh

LARGEST = 10.0
"""Couplings beta |w| are cut here: tanh is 1 within 5e-9, and sinh is far from overflow."""
TOLERANCE = 1e-4
DENSE = 400
"""Up to this many nodes all eigenvalues are computed at once: faster than Lanczos, and it cannot fail to converge."""


@dataclass(frozen=True, eq=False)
class Bethe:
    """The Bethe-Hessian of a symmetric matrix of weights w, at coupling beta:

        H = D - S,    S[i,j] = sinh(2 beta w[i,j]) / 2,    D[i,i] = 1 + sum over j of sinh(beta w[i,j])^2

    With tanh(beta) = 1/r and weights of 1 it is ((r^2 - 1) I - r A + diag(degrees)) / (r^2 - 1), of Saade, Krzakala and
    Zdeborová (2014); with weights and signs that of Dall'Amico, Couillet and Tremblay (2021).  H has as many negative
    eigenvalues as D^-1/2 S D^-1/2 has above 1, and those are cheap to compute.

    Example:
        >>> bethe = Bethe.of(sp.csr_array(1.0 - np.eye(5)))
        >>> float(np.tanh(bethe.beta()) ** -2)  # r^2 = the mean number of further neighbours
        3.0...
    """  # noqa: D415

    matrix: Any
    pre: np.ndarray
    branching: float

    @classmethod
    def of(cls, matrix: Any) -> "Bethe":
        """Leave out what stands on the diagonal, and count along how many edges one may go on from an edge's end."""
        pre = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        off = pre != matrix.indices
        if not off.all():
            matrix = sp.csr_array((matrix.data[off], (pre[off], matrix.indices[off])), shape=matrix.shape)
            pre = pre[off]
        degree = np.diff(matrix.indptr).astype(float)
        return cls(matrix, pre, float((degree**2).sum() / max(degree.sum(), 1.0)) - 1)

    @property
    def n_linked(self) -> int:
        """Count the nodes that have an edge."""
        return int((np.diff(self.matrix.indptr) > 0).sum())

    @property
    def spread(self) -> float:
        """Give the branching over the mean degree: at most about 1 for Erdős-Rényi graphs, more for unequal degrees."""
        return self.branching * self.n_linked / max(self.matrix.nnz, 1)

    def beta(self, s: float = 1.0) -> float:
        """Solve branching * mean of tanh(beta w)^2 = s^2.

        At s = 1 the bulk of eigenvalues of a random graph of these degrees and weights reaches zero.  Where there is no
        solution, because edges hardly branch, it is infinity.
        """
        size = np.abs(self.matrix.data)
        if self.branching <= s * s + 1e-9:
            return np.inf
        if size.min() == size.max():
            return float(np.arctanh(s * self.branching**-0.5) / size[0])

        def excess(log_beta: float) -> float:
            return self.branching * float((np.tanh(np.exp(log_beta) * size) ** 2).mean()) - s * s

        # tanh x < x at the lower end; at the upper one every tanh is 1.
        low = math.log(s) - 0.5 * math.log(self.branching * float((size**2).mean())) - 1e-9
        return math.exp(brentq(excess, low, math.log(2 * LARGEST / size.min()), xtol=1e-9))

    def leading(self, beta: float, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Solve S x = v D x for the k largest v.  Shape: (k,) falling, (N, k) with x D x = 1."""
        coupling, diagonal = self._parts(beta)
        n, root = len(diagonal), np.sqrt(diagonal)
        scaled = coupling / (root[self.pre] * root[self.matrix.indices])
        matrix = sp.csr_array((scaled, self.matrix.indices, self.matrix.indptr), shape=(n, n))
        if n <= max(DENSE, 4 * k):
            values, vectors = scipy.linalg.eigh(matrix.toarray(), subset_by_index=(n - k, n - 1))
        else:
            v0 = rng.standard_normal(n)
            values, vectors = eigsh(
                matrix, k, which="LA", v0=v0, tol=TOLERANCE, ncv=max(2 * k + 1, 32), maxiter=100 * n
            )
        falling = np.argsort(-values, kind="stable")
        return values[falling], vectors[:, falling] / root[:, None]

    def zero(self, values: np.ndarray, vectors: np.ndarray, rng: np.random.Generator, steps: int = 3) -> np.ndarray:
        """Raise beta, from where `leading` gave these, until the last v is about 1, and give the vectors there.

        There that eigenvector of H does not depend on the degrees (Dall'Amico, Couillet and Tremblay, 2019).  Where
        v is nearly 1 from the start, beta stays: the bulk would mix in (measured: overlap falls by 0.005).  The next
        beta is the one that would be right if all degrees were equal, when v = K s / (1 + s^2) with s of `beta`.
        """
        s = 1.0
        for _ in range(steps):
            if values[-1] <= 1 + 8 * self.n_linked ** (-2 / 3):
                break
            half = float(values[-1]) * (1 + s * s) / s / 2
            s = min(half + math.sqrt(max(half * half - 1, 0)), math.sqrt(0.9 * self.branching))
            values, vectors = self.leading(self.beta(s), len(values), rng)
        return vectors

    def _parts(self, beta: float) -> tuple[np.ndarray, np.ndarray]:
        x = np.clip(beta * self.matrix.data, -LARGEST, LARGEST)
        return np.sinh(2 * x) / 2, 1 + np.bincount(self.pre, np.sinh(x) ** 2, self.matrix.shape[0])
