"""The order in which populations are updated within one time step."""

from collections.abc import Iterable, Iterator, Sequence

from circuitgraph.errors import StructureError


def zero_delay_order(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Sort populations so that each comes after those that reach it without delay, else in the order given.

    Raises:
        StructureError: with the loop spelled out, if zero-delay wiring is cyclic.

    Example:
        >>> zero_delay_order(["y", "x", "z"], [("x", "y"), ("y", "z")])
        ['x', 'y', 'z']
    """
    pres: dict[str, list[str]] = {name: [] for name in names}
    for pre, post in edges:
        pres[post].append(pre)
    order: dict[str, None] = {}
    for name in names:
        if name not in order:
            _visit(name, pres, order)
    return list(order)


def _visit(start: str, pres: dict[str, list[str]], order: dict[str, None]) -> None:
    # Depth first with its own stack: circuits may be deeper than Python's recursion limit.
    path: dict[str, Iterator[str]] = {start: iter(pres[start])}
    while path:
        name = next(reversed(path))
        step = next((p for p in path[name] if p not in order), None)
        if step is None:
            order[name] = None
            del path[name]
        elif step in path:
            names = list(path)
            loop = " -> ".join([*names[names.index(step) :], step][::-1])
            raise StructureError(f"circuit: zero-delay loop {loop}; give one of its projections delay=1 or more")
        else:
            path[step] = iter(pres[step])
