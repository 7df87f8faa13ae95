"""What circuitgraph raises.  Grammar: `where: what is wrong (got X, expected Y); the mend`."""


class CircuitGraphError(Exception):
    """Any error that circuitgraph raises on purpose."""


class ShapeError(CircuitGraphError, ValueError):
    """A shape, a length or an index does not fit."""


class StructureError(CircuitGraphError, ValueError):
    """A circuit would break an invariant: a name taken, a zero-delay cycle, an end that does not exist."""


class UnknownNameError(CircuitGraphError, LookupError):
    """A name is neither registered nor part of the circuit."""


class StateError(CircuitGraphError, ValueError):
    """A State belongs to another circuit."""


class RuleError(CircuitGraphError, ValueError):
    """A learning rule is missing, or cannot be used here."""


class NumericError(CircuitGraphError, ValueError):
    """NaN or infinity where a finite number is needed."""


class DataError(CircuitGraphError, ValueError):
    """A data set is missing, unreadable, truncated or altered."""


class FileError(CircuitGraphError, ValueError):
    """A circuit file cannot be read: not ours, damaged, or of an unknown version."""
