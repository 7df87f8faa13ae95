"""The order in which populations are updated within one time step."""

from collections.abc import Iterable, Sequence

from circuitgraph.errors import StructureError


def zero_delay_order(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Sort populations so that each comes after those that reach it without delay.

    Raises:
        StructureError: with the loop spelled out, if zero-delay wiring is cyclic.
    """
    pres: dict[str, list[str]] = {name: [] for name in names}
    for pre, post in edges:
        pres[post].append(pre)
    order: list[str] = []
    state: dict[str, int] = {}
    for name in names:
        _visit(name, pres, state, order)
    return order


def _visit(start: str, pres: dict[str, list[str]], state: dict[str, int], order: list[str]) -> None:
    path = [(start, iter(pres[start]))] if not state.get(start) else []
    state.setdefault(start, 1)
    while path:
        name, rest = path[-1]
        step = next((p for p in rest if state.get(p) != 2), None)
        if step is None:
            state[name] = 2
            order.append(name)
            path.pop()
        elif state.get(step) == 1:
            names = [n for n, _ in path]
            loop = [*names[names.index(step) :], step][::-1]
            raise StructureError(f"circuit: zero-delay loop {' -> '.join(loop)}; give one of its projections delay=1 or more")
        else:
            state[step] = 1
            path.append((step, iter(pres[step])))
