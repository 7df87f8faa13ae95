"""Whose turn it is: steps and learning go on side by side, an edit by itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from circuitgraph.errors import StateError

P = ParamSpec("P")
R = TypeVar("R")


class Turns:
    """Count who is at work on a network.  Nobody waits: who comes at the wrong time gets an error.

    A copy of a network, pickled or not, starts with nobody at work.

    Raises:
        StateError: an edit while a step or learning is under way in another thread, or the other way round.

    Example:
        >>> turns = Turns()
        >>> turns.begin("step")
        >>> with turns.alone("edit"):
        ...     pass
        Traceback (most recent call last):
        circuitgraph.errors.StateError: edit: the network is at work (got 1 step or learn under way, ...
    """

    def __init__(self) -> None:
        self._lock, self._at_work, self._edited = Lock(), 0, False

    def __reduce__(self) -> tuple[type["Turns"], tuple[()]]:
        return Turns, ()

    def begin(self, what: str) -> None:
        """Come to work, unless somebody edits."""
        with self._lock:
            self._refuse_edited(what)
            self._at_work += 1

    def end(self) -> None:
        """Leave work."""
        with self._lock:
            self._at_work -= 1

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Edit, unless somebody is at work or edits."""
        with self._lock:
            self._refuse_edited(what)
            if self._at_work:
                got = f"got {self._at_work} step or learn under way, expected none"
                raise StateError(f"{what}: the network is at work ({got}); edit between steps")
            self._edited = True
        try:
            yield
        finally:
            self._edited = False

    def _refuse_edited(self, what: str) -> None:
        if self._edited:
            got = "got an edit under way, expected none"
            raise StateError(f"{what}: the network is being edited ({got}); wait until the edit has returned")


class _Taking(Protocol):
    turns: Turns


T = TypeVar("T", bound=_Taking)


def at_work(method: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Have a method of a network count as work; in a graph of the compiler, which holds the weights, it does not."""

    @wraps(method)
    def counted(self: T, *args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            return method(self, *args, **kwargs)
        self.turns.begin(method.__name__)
        try:
            return method(self, *args, **kwargs)
        finally:
            self.turns.end()

    return counted


def alone(function: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Have a function of a network run only where nobody is at work on it."""

    @wraps(function)
    def guarded(net: T, *args: P.args, **kwargs: P.kwargs) -> R:
        with net.turns.alone(function.__name__.split("_")[0]):
            return function(net, *args, **kwargs)

    return guarded
