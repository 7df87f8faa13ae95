"""Transmitters, and the signs that they give to what a neuron projects to."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitgraph.errors import NumericError
from circuitgraph.ir import ABSENT

FLY_SIGNS: Mapping[str, int] = MappingProxyType({"ACH": 1, "GABA": -1, "GLUT": -1, "HIST": -1})
"""Signs in the fly's brain: acetylcholine excites, GABA and glutamate inhibit (Liu and Wilson, PNAS 110, 2013: it opens
chloride channels), and so does histamine (Hardie, Nature 339, 1989).  What modulates (dopamine, serotonin,
octopamine, tyramine) has none."""
_NAMES = {
    "ACETYLCHOLINE": "ACH", "GLUTAMATE": "GLUT", "GLU": "GLUT", "HISTAMINE": "HIST", "DOPAMINE": "DA",
    "SEROTONIN": "SER", "5HT": "SER", "OCTOPAMINE": "OCT", "TYRAMINE": "TYR",
}  # fmt: skip


def normal(given: Iterable[Any]) -> np.ndarray:
    """Write transmitters alike: ACH, GABA, GLUT, DA, SER, OCT, TYR, HIST, others in capitals; ABSENT for none.

    Example:
        >>> normal(["acetylcholine", "Gaba", "", None]).tolist()
        ['ACH', 'GABA', ABSENT, ABSENT]
    """
    items = list(given)
    out = np.full(len(items), ABSENT, dtype=object)
    for k, item in enumerate(items):
        if isinstance(item, str) and item.strip():
            name = item.strip().upper()
            out[k] = _NAMES.get(name, name)
    return out


def majority(pre: np.ndarray, codes: np.ndarray, weight: np.ndarray, said: np.ndarray, n_units: int) -> np.ndarray:
    """Give each unit the transmitter with the largest sum of weights over its outgoing rows; the first said, if equal.

    Shape: pre, codes (-1 for none), weight (E,), said (T,) -> (U,).

    Example:
        >>> said = np.array(["ACH", "GABA"], dtype=object)
        >>> majority(np.array([0, 0, 0]), np.array([0, 1, 1]), np.array([3.0, 2.0, 2.0]), said, 2).tolist()
        ['GABA', ABSENT]
    """
    names = list(dict.fromkeys(name for name in said if name is not ABSENT))
    # Two spellings may be one transmitter; the last column is for none.
    to = np.array([names.index(name) if name is not ABSENT else len(names) for name in said] + [len(names)], np.int32)
    width = len(names) + 1
    total = np.bincount(pre.astype(np.int64) * width + to[codes], weight, n_units * width).reshape(n_units, width)[
        :, :-1
    ]
    out = np.full(n_units, ABSENT, dtype=object)
    if names:
        known = total.max(axis=1) > 0
        out[known] = np.array(names, dtype=object)[total[known].argmax(axis=1)]
    return out


def signs_of(transmitters: np.ndarray, signs: Mapping[str, int]) -> np.ndarray:
    """Look up the sign of each transmitter, 0 where it has none; NumericError for a sign that is none.

    Example:
        >>> signs_of(np.array(["ACH", "GABA", "DA"], dtype=object), FLY_SIGNS).tolist()
        [1, -1, 0]
    """
    known = dict(zip(normal(signs), signs.values(), strict=True))
    for name, sign in known.items():
        if sign not in (-1, 0, 1):
            raise NumericError(f"signs: {name!r} has no sign (got {sign!r}, expected 1, -1 or 0)")
    return np.array([known.get(name, 0) for name in transmitters], np.int8)
