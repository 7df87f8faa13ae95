"""Vector code for one row of synapses, the batch in the lanes; numba intrinsics, so that no compiler is needed.

A tile holds the activity of all neurons for a few samples, neuron after neuron: (neurons, lanes).  A synapse then reads
`lanes` contiguous numbers.  Addresses are plain integers; the caller has checked every index.
"""

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
FUSE = ("contract",)

F32, F64, BF16, PAIRS = 0, 1, 2, 3
"""Types of activity; sums and weights are float32 for BF16, and for PAIRS, which is BF16 multiplied two by two: there a
weight is rounded to bfloat16 as it is read, which torch's autocast does too."""
U16, INT32, INT64, TABLE16, TABLE32 = 0, 1, 2, 3, 4
"""Types of indices; with a table, a 16- or 32-bit index is looked up in one of 64-bit byte offsets."""
SIZE = {F32: 4, F64: 8, BF16: 2, PAIRS: 2}
"""Bytes of one number of activity."""
WIDTH = {F32: 16, F64: 8, BF16: 16, PAIRS: 16}
"""Numbers in one vector of 64 bytes, of the type that sums are kept in."""
WEIGHT = {F32: 4, F64: 8, BF16: 4, PAIRS: 4}
"""Bytes of a weight, and of a correlation."""
ENTRY = {U16: 2, INT32: 4, INT64: 8, TABLE16: 2, TABLE32: 4}
"""Bytes of an index."""


@cache
def features() -> frozenset[str]:
    """Name what the processor can do that numba compiles for, as LLVM does: settings may ask for less than there is."""
    _, _, said = cpu_target.target_context.codegen().magic_tuple()
    return frozenset(name[1:] for name in said.split(",") if name.startswith("+"))


@cache
def has_pairs() -> bool:
    """Tell whether this processor multiplies pairs of bfloat16 in one step."""
    return {"avx512f", "avx512vl", "avx512bf16"} <= features()


def add_pairs(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """Multiply sixteen words of two bfloat16 each, and add both products of each to its float32 sum."""
    halves = ir.VectorType(_BFloat(), 32)
    kind = ir.FunctionType(total.type, [total.type, halves, halves])
    multiply = builder.module.declare_intrinsic("llvm.x86.avx512bf16.dpbf16ps.512", (), kind)
    return builder.call(multiply, [total, *(builder.bitcast(v, halves) for v in (a, b))])


class _BFloat(ir.Type):
    """LLVM's bfloat, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


class _Code:
    """Emit loads, stores and arithmetic on the lanes of one tile row."""

    def __init__(self, builder: Any, kind: int, lanes: int) -> None:
        self.b, self.kind, self.lanes, self.width = builder, kind, lanes, WIDTH[kind]
        self.scalar = ir.DoubleType() if kind == F64 else ir.FloatType()
        self.vector = ir.VectorType(self.scalar, self.width)
        self.words = ir.VectorType(I32, 16)

    @property
    def lines(self) -> list[Any]:
        """Say where the vectors of a tile row begin, 64 bytes each."""
        return [I64(64 * i) for i in range(self.lanes * SIZE[self.kind] // 64)]

    def load(self, address: Any, lines: list[Any]) -> list[Any]:
        """Read vectors of one tile row; bfloat16 becomes its even and its odd lanes in float32, PAIRS words of two."""
        if self.kind != BF16:
            kind = self.words if self.kind == PAIRS else self.vector
            return [self._read(kind, address, line) for line in lines]
        vectors = []
        for line in lines:
            raw = self._read(self.words, address, line)
            vectors.append(self.b.bitcast(self.b.shl(raw, self._word(16)), self.vector))
            vectors.append(self.b.bitcast(self.b.and_(raw, self._word(0xFFFF0000)), self.vector))
        return vectors

    def active(self, address: Any) -> Any:
        """Tell which vectors of a tile row are not all zero, a bit for each."""
        unsigned, found = {F32: [0x7FFFFFFF], F64: [0xFFFFFFFF, 0x7FFFFFFF]}.get(self.kind, [0x7FFF7FFF]), I64(0)
        signless = ir.Constant(self.words, unsigned * (16 // len(unsigned)))
        for i, line in enumerate(self.lines):
            bits = self.b.and_(self._read(self.words, address, line), signless)
            nonzero = self.b.bitcast(self.b.icmp_unsigned("!=", bits, self._word(0)), I16)
            bit = self.b.zext(self.b.icmp_unsigned("!=", nonzero, I16(0)), I64)
            found = self.b.or_(found, self.b.shl(bit, I64(i)))
        return found

    def store(self, vectors: list[Any], address: Any) -> None:
        """Write one tile row; bfloat16 is rounded to nearest, ties to even.  `merge` has changed the order of PAIRS."""
        if self.kind in (F32, F64):
            for i, vector in enumerate(vectors):
                self._write(vector, address, I64(64 * i))
            return
        for i in range(len(vectors) // 2):
            if self.kind == PAIRS:
                fours = self.b.bitcast(self._halved(*vectors[2 * i : 2 * i + 2]), ir.VectorType(I64, 8))
                self._write(self._chosen(fours, fours, [0, 4, 1, 5, 2, 6, 3, 7]), address, I64(64 * i))
                continue
            even = self.b.lshr(self._rounded(vectors[2 * i]), self._word(16))
            odd = self.b.and_(self._rounded(vectors[2 * i + 1]), self._word(0xFFFF0000))
            self._write(self.b.or_(even, odd), address, I64(64 * i))

    def merge(self, first: list[Any], second: list[Any]) -> list[Any]:
        """Join the lanes of two rows in words: of every eight lanes the first four, and in a second vector the rest."""
        low = [row + 8 * group + lane for group in range(4) for lane in range(4) for row in (0, 32)]
        joined = []
        for a, c in zip(first, second, strict=True):
            a, c = (self.b.bitcast(v, ir.VectorType(I16, 32)) for v in (a, c))
            joined += [self.b.bitcast(self._chosen(a, c, [m + half for m in low]), self.words) for half in (0, 4)]
        return joined

    def splat_pair(self, first: Any, second: Any) -> Any:
        """Round two weights to bfloat16, and give every lane the word of both."""
        none = ir.Constant(ir.VectorType(self.scalar, 4), [0.0] * 4)
        both = self.b.insert_element(self.b.insert_element(none, first, I32(0)), second, I32(1))
        words = self.b.bitcast(self._halved(both, none), self.words_of(4))
        return self._chosen(words, words, [0] * 16)

    def zeros(self) -> list[Any]:
        count = self.lanes // self.width
        return [ir.Constant(self.vector, [0.0] * self.width)] * count

    def splat(self, value: Any) -> Any:
        empty = ir.Constant(self.vector, ir.Undefined)
        single = self.b.insert_element(empty, value, I32(0))
        return self._chosen(single, empty, [0] * self.width)

    def fma(self, a: Any, x: Any, sum_: Any) -> Any:
        if self.kind == PAIRS:
            return add_pairs(self.b, sum_, a, x)
        return self.b.fadd(self.b.fmul(a, x, flags=FUSE), sum_, flags=FUSE)

    def reduce(self, vectors: list[Any]) -> Any:
        """Sum each of four vectors over its lanes, in a tree they share.  -> vector of four."""
        a, b, c, d = vectors
        merged = self._halve(self._halve(a, b, 1), self._halve(c, d, 1), 2)
        size = self.width // 4
        while size > 1:
            low, high = self._halves(4 * size, size)
            first, second = (self._chosen(merged, merged, m) for m in (low, high))
            merged, size = self.b.fadd(first, second), size // 2
        return merged

    def words_of(self, n: int) -> Any:
        return ir.VectorType(I32, n)

    def pointer(self, address: Any, kind: Any) -> Any:
        return self.b.inttoptr(address, kind.as_pointer())

    def _halve(self, a: Any, b: Any, groups: int) -> Any:
        """Add the two halves of every group of lanes of a and of b: a vector of twice as many groups."""
        low, high = self._halves(2 * self.width, self.width // groups)
        return self.b.fadd(*(self._chosen(a, b, m) for m in (low, high)))

    @staticmethod
    def _halves(lanes: int, group: int) -> tuple[list[int], list[int]]:
        starts, half = range(0, lanes, group), group // 2
        low = [s + i for s in starts for i in range(half)]
        return low, [i + half for i in low]

    def _chosen(self, a: Any, b: Any, index: list[int]) -> Any:
        """Take numbers from two vectors, counted on from one to the other."""
        return self.b.shuffle_vector(a, b, ir.Constant(self.words_of(len(index)), index))

    def _halved(self, low: Any, high: Any) -> Any:
        """Round two vectors of float32 to one of bfloat16, to nearest, ties to even."""
        kind = ir.FunctionType(ir.VectorType(_BFloat(), 2 * low.type.count), [low.type, low.type])
        name = f"llvm.x86.avx512bf16.cvtne2ps2bf16.{32 * low.type.count}"
        return self.b.call(self.b.module.declare_intrinsic(name, (), kind), [high, low])

    def _word(self, value: int) -> Any:
        return ir.Constant(self.words, [value] * 16)

    def _rounded(self, vector: Any) -> Any:
        """Add half a unit in the last place of bfloat16 to the bits; NaN stays NaN."""
        bits = self.b.bitcast(vector, self.words)
        last = self.b.and_(self.b.lshr(bits, self._word(16)), self._word(1))
        rounded = self.b.add(self.b.add(bits, self._word(0x7FFF)), last)
        return self.b.select(self.b.fcmp_unordered("uno", vector, vector), self._word(0x7FC00000), rounded)

    def _read(self, kind: Any, address: Any, offset: Any) -> Any:
        value = self.b.load(self.pointer(self.b.add(address, offset), kind))
        value.align = 2
        return value

    def _write(self, value: Any, address: Any, offset: Any) -> None:
        self.b.store(value, self.pointer(self.b.add(address, offset), value.type)).align = 2


def _element(builder: Any, address: Any, kind: Any, index: Any) -> Any:
    return builder.load(builder.gep(builder.inttoptr(address, kind.as_pointer()), [index]))


def _row_address(builder: Any, index: int, x: Any, cols: Any, edge: Any, stride: Any) -> Any:
    """Find where the presynaptic neuron of a synapse has its lanes; `stride` may be a table's address."""
    column = _element(builder, cols, {INT32: I32, INT64: I64, TABLE32: I32}.get(index, I16), edge)
    wide = builder.zext(column, I64) if index != INT64 else column
    if index in (TABLE16, TABLE32):
        return builder.add(x, _element(builder, stride, I64, wide))
    return builder.add(x, builder.mul(wide, stride))


@intrinsic(prefer_literal=True)
def row_sum(
    context: Any, kind: Any, index: Any, lanes: Any, x: Any, cols: Any, vals: Any, begin: Any, end: Any,
    out: Any, stride: Any, add: Any,
) -> Any:  # fmt: skip
    """out[lane] = (out[lane] if add else 0) + sum over synapses e from begin to end of vals[e] * x[cols[e], lane]."""
    kinds = kind.literal_value, index.literal_value, lanes.literal_value

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(b, kinds[0], kinds[2])
        x, cols, vals, begin, end, out, stride, add = arguments[3:]
        sums = [[cgutils.alloca_once_value(b, zero) for zero in code.zeros()] for _ in range(2)]
        if kinds[0] in (F32, F64):
            with b.if_then(b.icmp_signed("!=", add, I64(0))):
                for slot, vector in zip(sums[0], code.load(out, code.lines), strict=True):
                    b.store(vector, slot)

        def read(edge: Any) -> tuple[Any, list[Any]]:
            row = code.load(_row_address(b, kinds[1], x, cols, edge, stride), code.lines)
            return _element(b, vals, code.scalar, edge), row

        def grow(into: list[Any], weight: Any, row: list[Any]) -> None:
            for slot, vector in zip(into, row, strict=True):
                b.store(code.fma(weight, vector, b.load(slot)), slot)

        def take(first: tuple[Any, list[Any]], second: tuple[Any, list[Any]] | None = None) -> None:
            if kinds[0] == PAIRS:
                nothing = code.scalar(0), [ir.Constant(code.words, [0] * 16)] * len(first[1])
                weights, rows = zip(first, second or nothing, strict=True)
                grow(sums[0], code.splat_pair(*weights), code.merge(*rows))
                return
            # Two sets of sums: one chain of dependent additions would leave half of the arithmetic units idle.
            for into, (weight, row) in zip(sums, [first, second] if second else [first], strict=False):
                grow(into, code.splat(weight), row)

        even = b.and_(b.sub(end, begin), I64(-2))
        with cgutils.for_range_slice(b, begin, b.add(begin, even), I64(2), I64) as (edge, _):
            take(read(edge), read(b.add(edge, I64(1))))
        with b.if_then(b.icmp_signed("<", b.add(begin, even), end)):
            take(read(b.sub(end, I64(1))))
        code.store([b.fadd(b.load(s), b.load(t)) for s, t in zip(*sums, strict=True)], out)
        return context.get_dummy_value()

    return types.void(kind, index, lanes, *[types.intp] * 8), generate


@intrinsic(prefer_literal=True)
def row_dots(
    context: Any, kind: Any, index: Any, lanes: Any, seldom: Any, x: Any, cols: Any, begin: Any, end: Any, g: Any,
    out: Any, stride: Any, add: Any,
) -> Any:  # fmt: skip
    """out[e] = (out[e] if add else 0) + sum over lanes of x[cols[e], lane] * g[lane], for synapses begin to end.

    With `seldom`, vectors of x are not read where all lanes of g are zero.
    """
    kinds = kind.literal_value, index.literal_value, lanes.literal_value, seldom.literal_value

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(b, kinds[0], kinds[2])
        x, cols, begin, end, g, out, stride, add = arguments[4:]
        four = ir.VectorType(code.scalar, 4)
        added = b.icmp_signed("!=", add, I64(0))

        def keep(edge: Any, value: Any) -> None:
            target = b.gep(code.pointer(out, code.scalar), [edge])
            target = b.bitcast(target, value.type.as_pointer())
            before = b.load(target)
            before.align = 4
            zero = ir.Constant(value.type, [0.0] * 4 if value.type == four else 0.0)
            b.store(b.fadd(value, b.select(added, before, zero)), target).align = 4

        def correlate(lines: list[Any]) -> None:
            errors = code.load(g, lines)

            def dot(edge: Any) -> Any:
                total = code.zeros()[0]
                row = code.load(_row_address(b, kinds[1], x, cols, edge, stride), lines)
                for error, vector in zip(errors, row, strict=True):
                    total = code.fma(error, vector, total)
                return total

            whole = b.and_(b.sub(end, begin), I64(-4))
            with cgutils.for_range_slice(b, begin, b.add(begin, whole), I64(4), I64) as (edge, _):
                keep(edge, code.reduce([dot(b.add(edge, I64(i))) for i in range(4)]))
            with cgutils.for_range_slice(b, b.add(begin, whole), end, I64(1), I64) as (edge, _):
                alone = code.reduce([dot(edge), *[code.zeros()[0]] * 3])
                keep(edge, b.extract_element(alone, I32(0)))

        if not kinds[3]:
            correlate(code.lines)
            return context.get_dummy_value()
        active = code.active(g)
        for count in range(len(code.lines) + 1):
            with b.if_then(b.icmp_unsigned("==", b.ctpop(active), I64(count))):
                lines, rest = [], active
                for _ in range(count):
                    lines.append(b.shl(b.cttz(rest, ir.Constant(ir.IntType(1), 1)), I64(6)))
                    rest = b.and_(rest, b.sub(rest, I64(1)))
                correlate(lines)
        return context.get_dummy_value()

    return types.void(kind, index, lanes, seldom, *[types.intp] * 8), generate
