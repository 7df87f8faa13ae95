"""Files of earlier versions, in which some arguments had other names."""

from pathlib import Path
from typing import Any

import pytest

import circuitgraph as cg
from circuitgraph.edits import CentreSurround
from circuitgraph.errors import FileError
from circuitgraph.io import load, load_edits, save, save_edits
from circuitgraph.ir import Value
from circuitgraph.ir.value import decode, encode

RULE = cg.SoftHebb(0.1, 2.5, cutoff=0.25)
EDIT = CentreSurround("y", 0.5, 1.0, lateral_kernel=3)
CIRCUIT = cg.Circuit().add("x", (2, 4, 4)).connect("x", "y", cg.Conv(3, padding=1), units=3, rule=RULE)
NEW = ("normalize", "unit_norm", "presynaptic", "sparsity", "alpha")


@pytest.fixture
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let values write themselves as earlier versions did: by the old names, and without arguments that are new."""
    now = Value._fields

    def fields(self: Value) -> dict[str, Any]:
        old = {new: old for old, new in self.renamed.items()}
        return {old.get(name, name): v for name, v in now(self).items() if name not in NEW}

    monkeypatch.setattr(Value, "_fields", fields)


@pytest.mark.usefixtures("_as_before")
def test_a_circuit_with_a_rule_whose_argument_had_another_name_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    assert encode(RULE, {})["args"].keys() >= {"gain", "learning_rate"}
    save(CIRCUIT, tmp_path / "old.safetensors")
    monkeypatch.undo()
    assert b"gain" in (tmp_path / "old.safetensors").read_bytes()
    back = load(tmp_path / "old.safetensors")
    assert back.projection("x->y").rule == RULE
    assert back == CIRCUIT
    save(back, tmp_path / "new.safetensors")
    assert b"t_invert" in (tmp_path / "new.safetensors").read_bytes()


@pytest.mark.usefixtures("_as_before")
def test_edits_of_which_an_argument_had_another_name_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_edits([(3, "inhibit", EDIT)], tmp_path / "old")
    monkeypatch.undo()
    assert rb"\"size\"" in (tmp_path / "old").read_bytes()
    assert load_edits(tmp_path / "old") == [(3, "inhibit", EDIT)]


def test_both_names_at_once_or_unknown_ones_are_refused() -> None:
    spec = encode(RULE, {})
    assert decode(spec, {}) == RULE
    for more in ({"gains": 1.0}, {"gain": 1.0}):
        with pytest.raises(FileError, match="rule 'softhebb': wrong arguments"):
            decode(spec | {"args": spec["args"] | more}, {})
