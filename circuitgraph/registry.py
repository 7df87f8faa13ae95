"""Names for extension points: the only way from a string in a file to a class."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from circuitgraph.errors import StructureError, UnknownNameError

T = TypeVar("T", bound=type)
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """Map short names to classes of one kind.

    `home` is the package that registers the built-in entries; it is imported on the first look-up,
    so that structure can be read without importing torch until a neuron or a rule is really named.

    Example:
        >>> topologies["dense"].__name__, "dense" in topologies
        ('Dense', True)
    """

    def __init__(self, kind: str, home: str) -> None:
        self.kind = kind
        self.home = home
        self._classes: dict[str, T] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Decorate a class to make it known under `name`.

        Raises:
            StructureError: if another class has the name.

        Example:
            >>> shapes = Registry("shape", "circuitgraph.registry")
            >>> @shapes.register("ring")
            ... class Ring:
            ...     pass
            >>> shapes["ring"] is Ring, Ring.name
            (True, 'ring')
        """

        def add(cls: C) -> C:
            taken: Any = self._classes.get(name, cls)
            # A module that is imported anew may register its classes again.
            if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
                owner = f"{taken.__module__}.{taken.__qualname__}"
                raise StructureError(f"{self.kind} {name!r}: name is taken by {owner}; register under another name")
            known: Any = cls
            known.name = name
            self._classes[name] = known
            return cls

        return add

    def __getitem__(self, name: str) -> T:
        importlib.import_module(self.home)
        if name not in self._classes:
            known = ", ".join(sorted(self._classes)) or "none"
            raise UnknownNameError(f"{self.kind} {name!r}: not registered (expected one of {known})")
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        importlib.import_module(self.home)
        return iter(sorted(self._classes))

    def __contains__(self, name: object) -> bool:
        importlib.import_module(self.home)
        return name in self._classes


topologies: Registry[Any] = Registry("topology", "circuitgraph.topologies")
kernels: Registry[Any] = Registry("kernel", "circuitgraph.kernels")
neurons: Registry[Any] = Registry("neuron", "circuitgraph.neurons")
rules: Registry[Any] = Registry("rule", "circuitgraph.rules")
competitions: Registry[Any] = Registry("competition", "circuitgraph.rules")
edits: Registry[Any] = Registry("edit", "circuitgraph.edits")
scores: Registry[Any] = Registry("score", "circuitgraph.structural")

# What circuits can be asked lives in views, which stand above them: method -> module:function.
_VIEWS = {
    "graph": "circuitgraph.views.graph:graph_of",
    "rewired": "circuitgraph.views.controls:rewired",
    "describe": "circuitgraph.views.describe:describe",
}


def view(method: str) -> Callable[..., Any]:
    """Import the function behind a method of `Circuit` that lives in views.

    Example:
        >>> view("graph").__name__
        'graph_of'
    """
    module, function = _VIEWS[method].split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
