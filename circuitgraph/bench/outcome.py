"""What one seed gave."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from circuitgraph.bench.settings import Settings
from circuitgraph.ir import Circuit
from circuitgraph.train import Report
from circuitgraph.views import Frame

Phases = Callable[[str], Report]
"""Called with the name of a phase; gives the function that the phase reports to."""


@dataclass
class Outcome:
    """What one seed gave: numbers for the result line, and what the pictures need."""

    seed: int
    circuit: Circuit
    seconds: dict[str, float] = field(default_factory=dict)
    test_accuracy: float | None = None
    validation_accuracy: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    norms: list[dict[str, float]] = field(default_factory=list)
    probes: dict[str, float] = field(default_factory=dict)
    """Validation accuracy of a linear probe on each layer, from below."""
    joint_probes: dict[str, float] = field(default_factory=dict)
    """The same on all layers up to each: what the network gives that ends there, read from all of its layers."""
    readout_weights: int = 0
    """Weights of the linear read-out, biases included, that are no part of the circuit."""
    found: dict[str, Any] = field(default_factory=dict)
    """What else belongs into the result line."""
    structure: Frame | None = None
    """Curves of the structural log."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def activity_type(settings: Settings, device: torch.device) -> torch.dtype:
    """Choose bfloat16 where asked for, or where the processor multiplies it natively; else float32."""
    if settings.precision == "auto":
        native = device.type == "cuda" or any(
            torch.cpu.get_capabilities().get(k, False) for k in ("avx512_bf16", "amx_bf16")
        )
        return torch.bfloat16 if native else torch.float32
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[settings.precision]
