"""Names for extension points: the only way from a string in a file to a class."""

import importlib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from circuitgraph.errors import UnknownNameError

T = TypeVar("T", bound=type)


class Registry(Generic[T]):
    """Map short names to classes of one kind.

    `home` is the package that registers the built-in entries; it is imported on the first look-up,
    so that structure can be read without importing torch until a neuron or a rule is really named.
    """

    def __init__(self, kind: str, home: str) -> None:
        self.kind = kind
        self._home = home
        self._classes: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a class to make it known under `name`."""

        def add(cls: T) -> T:
            if self._classes.get(name, cls).__qualname__ != cls.__qualname__:
                raise ValueError(f"{self.kind} {name!r}: name taken by {self._classes[name].__qualname__}")
            self._classes[name] = cls
            cls.name = name  # type: ignore[attr-defined]
            return cls

        return add

    def __getitem__(self, name: str) -> T:
        importlib.import_module(self._home)
        if name not in self._classes:
            raise UnknownNameError(f"{self.kind} {name!r}: not registered (expected one of {', '.join(sorted(self._classes))})")
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        importlib.import_module(self._home)
        return iter(sorted(self._classes))

    def __contains__(self, name: object) -> bool:
        importlib.import_module(self._home)
        return name in self._classes


topologies: Registry = Registry("topology", "circuitgraph.topologies")
kernels: Registry = Registry("kernel", "circuitgraph.kernels")
neurons: Registry = Registry("neuron", "circuitgraph.neurons")
rules: Registry = Registry("rule", "circuitgraph.rules")
edits: Registry = Registry("edit", "circuitgraph.edits")
