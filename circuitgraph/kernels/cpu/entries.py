"""Some entries of a matrix, listed by row: read out of a product, written into a dense copy, or changed by one."""

from collections.abc import Callable
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from circuitgraph.kernels.cpu import products, single, sums
from circuitgraph.kernels.cpu.bits import ROWS, bits_of, expand_loop, has_bits
from circuitgraph.kernels.cpu.packing import WORDS
from circuitgraph.kernels.cpu.registers import tile_shape
from circuitgraph.kernels.cpu.tasks import FAST, Loop, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.wires import block_begins, narrow, row_begins
from circuitgraph.kernels.cpu.wiring import INDICES, VALUES, shared


class Entries:
    """Where entries lie in a matrix (rows, columns); two bytes each, where torch's own indexing reads eight.

    Shape: at (E,), rising: row times columns plus column.

    Example:
        >>> Entries(np.array([1, 2]), 2, 2).take(torch.tensor([[0.0, 1.0], [2.0, 3.0]])).tolist()
        [1.0, 2.0]
    """

    def __init__(self, at: np.ndarray, n_rows: int, n_cols: int) -> None:
        row, col = np.divmod(at, max(1, n_cols))
        self.n_rows, self.n_cols, self.n_edges = n_rows, n_cols, len(at)
        self.begins, self.cols = shared(row_begins(row, n_rows)), shared(col.astype(narrow(n_cols)))

    def __len__(self) -> int:
        return self.n_edges

    def take(self, product: Tensor) -> Tensor:
        """Copy the entries of a matrix; bfloat16 becomes float32.  Shape: (rows, columns), contiguous -> (E,)."""
        wide = product.dtype == torch.bfloat16
        out = product.new_empty(self.n_edges, dtype=torch.float32 if wide else product.dtype)
        code = widen_loop(self._index) if wide else take_loop(VALUES[product.dtype], self._index)
        self._run(code, product, out)
        return out

    def spread(self, values: Tensor, matrix: Tensor) -> None:
        """Write one number per entry into a matrix of its type, zero elsewhere.  Shape: (E,), (rows, columns)."""
        if has_bits() and matrix.dtype == torch.float32 and self.n_cols % 16 == 0:
            run(
                expand_loop(), -(-self.n_rows // ROWS), matrix=matrix.data_ptr(), rows=self.n_rows, columns=self.n_cols,
                begins=self.begins.data_ptr(), bits=self._bits.data_ptr(), values=values.data_ptr(),
            )  # fmt: skip
            return
        self._run(spread_loop(WORDS[values.element_size()], self._index), matrix, values)

    def change(self, product: Tensor, w: Tensor, gain: Tensor, keep: Tensor, shift: Tensor, *, unit_norm: bool) -> None:
        """Make w = keep[row] * w + gain[row] * product[entry] + shift[row], then unit norm of rows, all of one type."""
        factors = {"gain": gain.data_ptr(), "keep": keep.data_ptr(), "shift": shift.data_ptr()}
        self._run(change_loop(VALUES[w.dtype], self._index), product, w, **factors, unit=int(unit_norm))

    def multiplies(self, x: Tensor, values: Tensor) -> bool:
        """Tell whether `push` and `pull` can take this activity: else a dense copy is as fast."""
        return has_bits() and sums.fits(x, values)

    def push(self, x: Tensor, values: Tensor) -> Tensor:
        """Sum each row.  Shape: x (B, columns), values (E,) -> (B, rows), neuron-major."""
        return sums.forward(x, self._blocks, self._bits, values)

    def pull(self, g: Tensor, values: Tensor) -> Tensor:
        """Sum each column.  Shape: g (B, rows), values (E,) -> (B, columns), neuron-major."""
        return sums.backward(g, self.n_cols, self._blocks, self._bits, values)

    def dots(self, x: Tensor, g: Tensor) -> Tensor:
        """Correlate both ends of every entry.  Shape: x (B, columns), g (B, rows) -> (E,), float32 or float64."""
        if not products.fits(x, g):
            return self.take(g.t() @ x)
        out = torch.empty(self.n_edges)
        self._product(x, g)(x, g, self._blocks, self._where, out)()
        return out

    def changed(
        self, x: Tensor, g: Tensor, w: Tensor, gain: Tensor, keep: Tensor, shift: Tensor, *, unit_norm: bool
    ) -> Callable[[], None]:
        """Prepare w = keep[row] * w + gain[row] * dots + shift[row], then unit norm of rows; all of one type."""
        if products.fits(x, g):
            prepare = self._product(x, g)
            return prepare(x, g, self._blocks, self._where, w, gain, keep, shift, unit_norm=unit_norm)
        product = (g.t() @ x).to(w.dtype)
        return lambda: self.change(product, w, gain, keep, shift, unit_norm=unit_norm)

    def _product(self, x: Tensor, g: Tensor) -> Callable[..., Callable[[], None]]:
        return single.product if single.fits(x, g, self._where) else products.product

    @cached_property
    def _blocks(self) -> Tensor:
        return shared(block_begins(self.begins.numpy(), self.cols.numpy(), self.n_cols, products.BLOCK))

    @cached_property
    def _where(self) -> Tensor:
        return self._bits if has_bits() and tile_shape().width == 16 else self.cols

    @cached_property
    def _bits(self) -> Tensor:
        return shared(bits_of(self.begins.numpy(), self.cols.numpy(), self.n_cols))

    def _run(self, code: Loop, matrix: Tensor, values: Tensor, **more: Any) -> None:
        run(
            code, -(-self.n_rows // ROWS), matrix=matrix.data_ptr(), rows=self.n_rows, columns=self.n_cols,
            begins=self.begins.data_ptr(), cols=self.cols.data_ptr(), values=values.data_ptr(), **more,
        )  # fmt: skip

    @property
    def _index(self) -> str:
        return INDICES[self.cols.dtype][1]


@loop("matrix rows columns begins cols values")
def take_loop(value: str, index: str) -> Callable[[int], None]:
    """Copy entries of the matrix to `values`; tasks are some rows."""
    size = int(value[1])

    def take(p: int) -> None:
        begins, cols, values = pointer("i8", peek(p, 5)), pointer(index, peek(p, 6)), pointer(value, peek(p, 7))
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), (task + 1) * ROWS)):
                row = pointer(value, peek(p, 2) + r * peek(p, 4) * size)
                for e in range(begins[r], begins[r + 1]):
                    values[e] = row[cols[e]]
            task = take_task(p)

    return take


@loop("matrix rows columns begins cols values")
def widen_loop(index: str) -> Callable[[int], None]:
    """As `take_loop`, from bfloat16 to float32: the same bits, and 16 zeros."""

    def widen(p: int) -> None:
        begins, cols, values = pointer("i8", peek(p, 5)), pointer(index, peek(p, 6)), pointer("u4", peek(p, 7))
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), (task + 1) * ROWS)):
                row = pointer("u2", peek(p, 2) + r * peek(p, 4) * 2)
                for e in range(begins[r], begins[r + 1]):
                    values[e] = np.uint32(row[cols[e]]) << np.uint32(16)
            task = take_task(p)

    return widen


@loop("matrix rows columns begins cols values")
def spread_loop(word: str, index: str) -> Callable[[int], None]:
    """Copy `values` to entries of the matrix; tasks are some rows."""
    size = int(word[1])

    def spread(p: int) -> None:
        begins, cols, values = pointer("i8", peek(p, 5)), pointer(index, peek(p, 6)), pointer(word, peek(p, 7))
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), (task + 1) * ROWS)):
                row = pointer(word, peek(p, 2) + r * peek(p, 4) * size)
                for e in range(begins[r], begins[r + 1]):
                    row[cols[e]] = values[e]
            task = take_task(p)

    return spread


@loop("matrix rows columns begins cols values gain keep shift unit")
def change_loop(value: str, index: str) -> Callable[[int], None]:
    """Change `values`, weights, by what the matrix holds for them; tasks are some rows."""
    size = int(value[1])

    def change(p: int) -> None:
        begins, cols, w = pointer("i8", peek(p, 5)), pointer(index, peek(p, 6)), pointer(value, peek(p, 7))
        gain, keep, shift = pointer(value, peek(p, 8)), pointer(value, peek(p, 9)), pointer(value, peek(p, 10))
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), (task + 1) * ROWS)):
                row = pointer(value, peek(p, 2) + r * peek(p, 4) * size)
                change_row(w, row, cols, begins[r], begins[r + 1], gain[r], keep[r], shift[r], peek(p, 11))
            task = take_task(p)

    return change


@njit(fastmath=FAST)
def change_row(w, found, cols, begin, end, gain, keep, shift, unit):
    """Scale a row's weights and what was found for them, add both and a shift, and take to unit norm if asked to."""
    total = 0.0
    for e in range(begin, end):
        new = keep * w[e] + (gain * found[cols[e]] + shift)
        w[e] = new
        total += new * new
    if unit and total > 0.0:
        scale = 1.0 / sqrt(total)
        for e in range(begin, end):
            w[e] *= scale
