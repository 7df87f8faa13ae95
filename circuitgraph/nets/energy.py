"""Two layers of words for whitened patches, and the energy of their responses: local features without gradients."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.compiler import compile
from circuitgraph.errors import DataError, ShapeError
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets.layers import layer, need_sites
from circuitgraph.nets.whitening import as_images, whitened_patches
from circuitgraph.neurons import Bias, Chain, Normalize, ReLU, Square
from circuitgraph.topologies import Conv, Pool

N_IMAGES = 2000
"""Images that layers above the first are fitted to."""
N_PATCHES = 200_000
"""Patches that statistics are taken of, at most."""
_SOFT = 0.3
"""Contrast, in shares of the mean, below which a patch is not brought to full size."""
_RIDGE = 0.3
"""What is added to the variance of each component of a patch before it is divided out, in shares of their mean."""


@dataclass(frozen=True)
class EnergyPath:
    """One way from the image to pooled energies.

    `size` is the width of the patches of the image and of `step` the stride at which what their words say is averaged
    (over 2 * step sites); `words` is the number of words, each with its opposite, of which `kept` components go on;
    `second` the width of the patches of those, `components` of which are compared with `codes` words; `cells` the width
    of the pooled map.  With no `codes` the path is short: what the words say is pooled.
    """

    size: int = 3
    step: int = 2
    words: int = 256
    kept: int = 128
    second: int = 3
    components: int = 384
    codes: int = 4096
    cells: int = 2


def energy_cnn(
    shape: Shape = (3, 32, 32), paths: Sequence[EnergyPath] = (EnergyPath(),), *, rng: np.random.Generator | int = 0
) -> Circuit:
    """Wire one or more paths of patches, words, components, patches, words, energy; `fit_energy_cnn` gives the weights.

    For each path (i from 1): image -> white_i, a patch whitened and divided by its contrast; -> words_i, what exceeds a
    threshold of the likeness to words and to their opposites; -> blurred_i, a weighted mean over neighbours; -> even_i,
    principal components; -> parts_i, patches of those, whitened and scaled to norm 1; -> codes_i, the squared likeness
    to words; -> pool_i, the mean over a few cells.  Weights are fixed, but for those of words and codes.

    Raises:
        ShapeError: for no paths, or one that does not fit on the image.

    Example:
        >>> path = EnergyPath(words=8, kept=4, components=12, codes=20)
        >>> {p.name: p.shape for p in energy_cnn((3, 32, 32), [path]).populations[1:]}  # doctest: +NORMALIZE_WHITESPACE
        {'white1': (27, 30, 30), 'words1': (16, 30, 30), 'blurred1': (16, 15, 15), 'even1': (4, 15, 15),
         'parts1': (12, 13, 13), 'codes1': (20, 13, 13), 'pool1': (20, 2, 2)}
    """
    shape = need_sites("energy_cnn", shape)
    if not paths:
        raise ShapeError("energy_cnn: no paths (got an empty list, expected at least one)")
    rng, circuit = np.random.default_rng(rng), Circuit().add("image", shape)
    for i, path in enumerate(paths, 1):
        with layer("energy_cnn", i, shape):
            circuit = _add_path(circuit, path, i, rng)
    return circuit


def fit_energy_cnn(
    circuit: Circuit, paths: Sequence[EnergyPath], images: Any, *, rng: np.random.Generator | int = 0
) -> Circuit:
    """Fit each layer of `energy_cnn` to what the layers below make of training images; labels are not needed.

    white_i: ZCA of patches (`whitened_patches`).  words_i: spherical k-means, which is hard winner-take-all learning
    (`HardWTA` with a cosine) of a batch; the threshold is the standard deviation of the likeness.  even_i and parts_i:
    principal components (the subspace that `Subspace` finds), for parts_i divided by their standard deviations
    (`Whitening`).  codes_i: patches drawn at random.

    Raises:
        ShapeError: for images of another shape.  DataError: for too few images.
    """
    pixels, rng = as_images("energy_cnn", images), np.random.default_rng(rng)
    if len(pixels) < N_IMAGES // 100:
        raise DataError(f"energy_cnn: too few images (got {len(pixels)}, expected at least {N_IMAGES // 100})")
    for i, path in enumerate(paths, 1):
        circuit = _fit_path(circuit, path, i, pixels, rng)
    return circuit


def _add_path(circuit: Circuit, path: EnergyPath, i: int, rng: np.random.Generator) -> Circuit:
    shape = circuit.population("image").shape
    biased = Chain((Bias(), ReLU()))
    top = f"codes{i}" if path.codes else f"words{i}"
    deep = (
        (f"words{i}", f"blurred{i}", _blur(path), 2 * path.words, None),
        (f"blurred{i}", f"even{i}", Conv(1), path.kept, Bias()),
        (f"even{i}", f"parts{i}", Conv(path.second), path.components, Chain((Bias(), Normalize()))),
        (f"parts{i}", f"codes{i}", Conv(1), path.codes, Square()),
    )
    for pre, post, law, units, neuron in (
        ("image", f"white{i}", Conv(path.size), path.size**2 * shape[0], Normalize()),
        (f"white{i}", f"words{i}", Conv(1), 2 * path.words, biased),
        *(deep if path.codes else ()),
    ):
        fixed = post not in (f"words{i}", f"codes{i}")
        circuit = circuit.connect(pre, post, law, units=units, neuron=neuron, weight=normal(), fixed=fixed, rng=rng)
    high, wide = circuit.population(top).shape[1:]
    if min(high, wide) < path.cells:
        raise ShapeError(f"EnergyPath: cells (got {path.cells}, expected at most {min(high, wide)})")
    stride = tuple(n // path.cells for n in (high, wide))
    window = tuple(n - (path.cells - 1) * s for n, s in zip((high, wide), stride, strict=True))
    circuit = circuit.connect(top, f"pool{i}", Pool(window, stride, how="mean"))
    return circuit if not path.codes else circuit.replace_projection(f"words{i}->blurred{i}", weight=_triangles(path))


def _blur(path: EnergyPath) -> Conv:
    return Conv(2 * path.step, stride=path.step, padding=path.step // 2, groups=2 * path.words, mode="reflect")


def _triangles(path: EnergyPath) -> np.ndarray:
    """Give each unit the same weights, which fall linearly from the middle.  Shape: (units * taps,)."""
    n = 2 * path.step
    line = 1 - np.abs(np.arange(n) + 0.5 - path.step) / path.step
    kernel = np.outer(line, line) / line.sum() ** 2
    return np.tile(kernel.ravel(), 2 * path.words).astype(np.float32)


def _fit_path(circuit: Circuit, path: EnergyPath, i: int, pixels: np.ndarray, rng: np.random.Generator) -> Circuit:
    names = [f"{n}{i}" for n in ("image", "white", "words", "blurred", "even", "parts", "codes")]
    _, white, words, blurred, even, parts, codes = names
    drawn = rng.choice(len(pixels), min(N_IMAGES, len(pixels)), replace=False)
    seen = torch.from_numpy(pixels[np.sort(drawn)])
    matrix = whitened_patches(pixels, path.size, rng=rng)
    circuit = _set(circuit, f"image->{white}", matrix)
    raw = _activity(circuit.replace_population(white, neuron=None), white, seen, rng)
    size = raw.norm(dim=1)
    circuit = circuit.replace_population(white, neuron=Normalize(eps=float(_SOFT * size.mean()) ** 2))
    found = _spherical_means(F.normalize(raw[size > size.mean() / 2], dim=1), path.words, rng)
    scaled = raw * (raw.square().sum(1, keepdim=True) + float(_SOFT * size.mean()) ** 2).rsqrt()
    threshold = (scaled[:4000] @ found.T).std()
    circuit = _set(circuit, f"{white}->{words}", torch.cat([found, -found]), -threshold.expand(2 * path.words))
    if not path.codes:
        return circuit
    a = _activity(circuit, blurred, seen, rng)
    strength, directions = _principal(a, path.kept)
    w = directions / strength.mean().sqrt()
    circuit = _set(circuit, f"{blurred}->{even}", w.T, -(a.mean(0) @ w))
    q = _activity(circuit, even, seen, rng, path.second)
    strength, directions = _principal(q, path.components)
    w = directions / (strength + _RIDGE * strength.mean()).sqrt()
    circuit = _set(circuit, f"{even}->{parts}", w.T, -(q.mean(0) @ w))
    at = torch.from_numpy(rng.choice(len(q), path.codes, replace=len(q) < path.codes))
    return _set(circuit, f"{parts}->{codes}", F.normalize((q[at] - q.mean(0)) @ w, dim=1))


def _set(circuit: Circuit, name: str, weight: Tensor | np.ndarray, bias: Tensor | None = None) -> Circuit:
    circuit = circuit.replace_projection(name, weight=np.asarray(weight, np.float32).ravel())
    if bias is None:
        return circuit
    return circuit.replace_population(circuit.projection(name).post, memory={"bias": np.asarray(bias, np.float32)})


@torch.no_grad()
def _activity(circuit: Circuit, name: str, images: Tensor, rng: np.random.Generator, size: int = 1) -> Tensor:
    """Sample what a population says, or patches of it with units last.  Shape: -> (n, size * size * units)."""
    ahead, wanted = [name], {name}
    while ahead:
        last = ahead.pop()
        ahead += [p.pre for p in circuit.projections if p.post == last and p.pre not in wanted]
        wanted |= set(ahead)
    populations = tuple(p for p in circuit.populations if p.name in wanted)
    projections = tuple(p for p in circuit.projections if p.post in wanted)
    net = compile(dataclasses.replace(circuit, populations=populations, projections=projections)).eval()
    each, taken = -(-N_PATCHES // len(images)), []
    for batch in images.split(50):
        y = net(batch.float() / 255 if batch.dtype == torch.uint8 else batch.float())
        rows = F.unfold(y, size).unflatten(1, (y.shape[1], size * size)).permute(0, 3, 2, 1).flatten(2)
        at = torch.from_numpy(rng.integers(0, rows.shape[1], (len(rows), min(each, rows.shape[1]))))
        taken.append(rows.gather(1, at[..., None].expand(-1, -1, rows.shape[2])).flatten(0, 1))
    return torch.cat(taken)


def _spherical_means(rows: Tensor, n: int, rng: np.random.Generator, steps: int = 10) -> Tensor:
    """Find n directions near which rows of norm 1 lie: the nearest wins a row, and turns to the sum of what it wins."""
    rows = rows[torch.from_numpy(rng.permutation(len(rows)))[: N_PATCHES // 2]]
    if len(rows) < n:
        raise DataError(f"energy_cnn: too few patches with contrast (got {len(rows)}, expected at least {n})")
    means = rows[:n].clone()
    for _ in range(steps):
        total = torch.zeros_like(means)
        for part in rows.split(10_000):
            total.index_add_(0, (part @ means.T).argmax(1), part)
        means = torch.where(total.norm(dim=1, keepdim=True) > 0, F.normalize(total, dim=1), means)
    return means


def _principal(rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Give the n largest variances of rows and their directions.  Shape: rows (m, D) -> (n,), (D, n)."""
    centred = rows - rows.mean(0)
    strength, directions = torch.linalg.eigh((centred.T @ centred / len(rows)).double())
    if n > len(strength):
        raise ShapeError(f"energy_cnn: components (got {n}, expected at most {len(strength)})")
    return strength.flip(0)[:n].clamp(min=0).float(), directions.flip(1)[:, :n].float()
