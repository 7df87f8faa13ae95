"""A tile of a product, all of its sums in registers."""

from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from circuitgraph.kernels.cpu.lanes import F32, FUSE, I32, I64, add_pairs, features


class Shape(NamedTuple):
    """A tile that fits the registers, with one vector of each panel and one broadcast number beside it."""

    rows: int
    vectors: int
    width: int

    @property
    def columns(self) -> int:
        """Count the columns of a panel."""
        return self.vectors * self.width


@cache
def tile_shape() -> Shape:
    """Choose the tile for this processor: 24 of 32 long registers, or 12 of 16 short ones."""
    return Shape(8, 3, 16) if "avx512f" in features() else Shape(4, 3, 8)


@intrinsic(prefer_literal=True)
def tile_product(
    context: Any, kind: Any, rows: Any, vectors: Any, width: Any, line: Any, step: Any, row: Any,
    x: Any, g: Any, steps: Any, out: Any, out_row: Any, add: Any,
) -> Any:  # fmt: skip
    """out[row, column] = (out[row, column] if add else 0) + sum over steps of g[step, row] * x[step, column].

    `line` is the stride of x from step to step, `step` and `row` those of g, `out_row` that of out, in bytes.  Words of
    x and g are numbers or, for BF16, two numbers each, of samples that lie side by side.
    """
    settings = [t.literal_value for t in (kind, rows, vectors, width, line, step, row)]

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        x, g, steps, out, out_row, again = arguments[7:]
        tile = _Tile(b, *settings)
        with cgutils.for_range_slice(b, I64(0), steps, I64(1), I64) as (step, _):
            tile.add(x, g, step)
        with b.if_then(b.icmp_signed("!=", again, I64(0))):
            tile.add_to(out, out_row)
        tile.store(out, out_row)
        return context.get_dummy_value()

    return types.void(kind, rows, vectors, width, line, step, row, *[types.intp] * 6), generate


class _Tile:
    """Emit code for the sums of a tile, which stay in registers."""

    def __init__(
        self, builder: Any, kind: int, rows: int, vectors: int, width: int, line: int, step: int, row: int
    ) -> None:
        self.b, self.kind, self.width, self.line, self.step, self.row = builder, kind, width, line, step, row
        self.vector, self.words = ir.VectorType(ir.FloatType(), width), ir.VectorType(I32, width)
        zero = ir.Constant(self.vector, [0.0] * width)
        self.sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(vectors)] for _ in range(rows)]

    def add_to(self, out: Any, out_row: Any) -> None:
        """Add what there is; only now, so that long sums are sums of shorter ones, which rounds less."""
        for row, slots in enumerate(self.sums):
            for v, slot in enumerate(slots):
                before = self._read(self._place(out, out_row, row, v), self.vector)
                self.b.store(self.b.fadd(self.b.load(slot), before), slot)

    def store(self, out: Any, out_row: Any) -> None:
        """Put sums where they belong."""
        for row, slots in enumerate(self.sums):
            for v, slot in enumerate(slots):
                target = self.b.inttoptr(self._place(out, out_row, row, v), self.vector.as_pointer())
                self.b.store(self.b.load(slot), target).align = 4

    def add(self, x: Any, g: Any, step: Any) -> None:
        """Add what one step brings: each number of g, broadcast, times the vectors of x."""
        b, vectors, size = self.b, len(self.sums[0]), 4 * self.width
        here, there = b.add(x, b.mul(step, I64(self.line))), b.add(g, b.mul(step, I64(self.step)))
        columns = [self._read(b.add(here, I64(size * v)), self.words) for v in range(vectors)]
        none, first = ir.Constant(self.words, ir.Undefined), ir.Constant(self.words, [0] * self.width)
        for row, slots in enumerate(self.sums):
            single = b.insert_element(none, self._read(b.add(there, I64(self.row * row)), I32), I32(0))
            error = b.shuffle_vector(single, none, first)
            for slot, column in zip(slots, columns, strict=True):
                b.store(self._multiply_add(b.load(slot), column, error), slot)

    def _multiply_add(self, total: Any, x: Any, g: Any) -> Any:
        b = self.b
        if self.kind == F32:
            product = b.fmul(b.bitcast(g, self.vector), b.bitcast(x, self.vector), flags=FUSE)
            return b.fadd(product, total, flags=FUSE)
        return add_pairs(b, total, g, x)

    def _place(self, out: Any, out_row: Any, row: int, v: int) -> Any:
        return self.b.add(out, self.b.add(self.b.mul(out_row, I64(row)), I64(4 * self.width * v)))

    def _read(self, address: Any, kind: Any) -> Any:
        value = self.b.load(self.b.inttoptr(address, kind.as_pointer()))
        value.align = 4
        return value
