"""Cached features: what layers of a trained network say of every image, computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.compiler import Network, State
from circuitgraph.errors import ShapeError
from circuitgraph.train.loop import Report, as_activity, silent


@dataclass(frozen=True)
class View:
    """What to keep of images `begin` to `end`: the output of some layers, side by side (none named: the network's).

    Where a layer has more than `most_sites` sites along an axis, sites are averaged to that many.
    """

    layers: tuple[str, ...] = ()
    most_sites: int | None = None
    begin: int = 0
    end: int | None = None

    def read(self, net: Network, state: State) -> Tensor:
        """Take the features of a batch.  Shape: (B, features)."""
        layers = self.layers or net.plan.outputs
        return torch.cat([pooled(state[name], self.most_sites).flatten(1) for name in layers], dim=1)


def pooled(y: Tensor, most_sites: int | None) -> Tensor:
    """Average sites until there are at most so many along each axis.  Shape: (B, units, *sites), up to two axes.

    Example:
        >>> pooled(torch.ones(2, 3, 8, 8), 4).shape, pooled(torch.ones(2, 3), 4).shape
        (torch.Size([2, 3, 4, 4]), torch.Size([2, 3]))
    """
    sites = y.shape[2:]
    if most_sites is None or not any(n > most_sites for n in sites):
        return y
    size = tuple(min(n, most_sites) for n in sites)
    return F.adaptive_avg_pool2d(y, (size[0], size[1])) if len(size) == 2 else F.adaptive_avg_pool1d(y, size[0])


def extract(
    net: Network,
    images: Tensor,
    *,
    layers: Sequence[str] = (),
    most_sites: int | None = None,
    flips: bool = False,
    shifts: int = 0,
    batch_size: int = 100,
    report: Report = silent,
) -> Tensor:
    """Compute features of every image once, in eval mode: the network's output, or some layers side by side.

    With `flips` the features are the mean over the image and its mirror image; with `shifts`, over the image moved by
    up to so many pixels along each axis (3 x 3 places for 1), its border repeated.  Layers other than outputs have to
    be among those that `compile(keep=...)` keeps readable.

    Shape: images (N, *input) uint8 -> (N, features), bfloat16 where the network's activity is.
    """
    view = View(tuple(layers), most_sites)
    return extract_views(net, images, [view], flips=flips, shifts=shifts, batch_size=batch_size, report=report)[0]


@torch.no_grad()
def extract_views(
    net: Network,
    images: Tensor,
    views: Sequence[View],
    *,
    flips: bool = False,
    shifts: int = 0,
    batch_size: int = 100,
    report: Report = silent,
) -> list[Tensor]:
    """Compute several views of the images in one go, each image once.  Shape: one (rows of the view, features) each.

    Raises:
        ShapeError: without images, or for shifts that the images have no room for.
    """
    if not len(images):
        raise ShapeError("extract: no images (got 0, expected at least 1)")
    net.eval()
    ends = [len(images) if view.end is None else min(view.end, len(images)) for view in views]
    out: list[Tensor | None] = [None] * len(views)
    for start in range(0, len(images), batch_size):
        x = as_activity(images[start : start + batch_size])
        here = [(max(view.begin, start), min(end, start + len(x))) for view, end in zip(views, ends, strict=True)]
        hit = [i for i, (begin, end) in enumerate(here) if begin < end]
        for i, y in zip(hit, _read(net, x, [views[i] for i in hit], flips, shifts), strict=True):
            (begin, end), first, kept = here[i], views[i].begin, out[i]
            if kept is None:
                kept = out[i] = y.new_empty(ends[i] - first, y.shape[1])
            kept[begin - first : end - first] = y[begin - start : end - start]
        report(min(start + batch_size, len(images)), len(images), {})
    return [y if y is not None else torch.empty(0, 0) for y in out]


def _read(net: Network, x: Tensor, views: Sequence[View], flips: bool, shifts: int) -> list[Tensor]:
    """Give the mean features of a batch over all that is shown of it."""
    if not views:
        return []
    n, looks, sums = len(x), (2 * shifts + 1) ** (x.ndim - 2), None
    for look in shifted(torch.cat([x, x.flip(-1)]) if flips else x, shifts):
        state = net.step(look)
        read = [view.read(net, state) for view in views]
        found = [torch.lerp(y[:n], y[n:], 0.5) if flips else y for y in read]
        if looks == 1:
            return found
        sums = [y.float() for y in found] if sums is None else [s + y for s, y in zip(sums, found, strict=True)]
    return [(s / looks).to(y.dtype) for s, y in zip(sums or [], found, strict=True)]


def shifted(x: Tensor, most: int) -> Iterator[Tensor]:
    """Give images moved by up to `most` pixels along each axis, their border repeated.  Shape: (N, channels, *sites).

    Example:
        >>> [y[0, 0].tolist() for y in shifted(torch.tensor([[[1.0, 2.0, 3.0]]]), 1)]
        [[1.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 3.0]]
    """
    sites = x.shape[2:]
    if most and not (sites and most < min(sites)):
        raise ShapeError(f"shifts: more than images have room for (got {most}, images of shape {tuple(x.shape[1:])})")
    padded = F.pad(x, [most] * 2 * len(sites), mode="replicate") if most else x
    for at in product(range(2 * most + 1), repeat=len(sites)):
        look = padded
        for axis, (begin, size) in enumerate(zip(at, sites, strict=True)):
            look = look.narrow(2 + axis, begin, size)
        yield look


@torch.no_grad()
def compress(features: Tensor, power: float, *, rows: int = 32) -> None:
    """Raise features to a power, in place; their signs stay.  Shape: (N, D).

    Example:
        >>> x = torch.tensor([[4.0, -9.0]])
        >>> compress(x, 0.5)
        >>> x.tolist()
        [[2.0, -3.0]]
    """
    for part in features.split(rows):
        part.copy_(part.abs().pow_(power).copysign_(part))


def standardize(features: Tensor, *others: Tensor, rows: int = 32) -> None:
    """Give each feature mean zero and variance one, in place; `others` are moved and scaled by the same numbers.

    A feature that never changes becomes zero.  So few `rows` at a time stay in the cache (ten times faster than 1,000).

    Shape: (N, features) each.

    Example:
        >>> x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
        >>> standardize(x)
        >>> x.tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """
    sums = torch.zeros(2, features.shape[1], dtype=torch.float64, device=features.device)
    shift = features[:rows].float().mean(0)  # near the mean: squares of what is left do not lose digits
    for part in features.split(rows):
        x = part.float() - shift
        sums += torch.stack([x.sum(0), x.square_().sum(0)])
    mean, square = sums / len(features)
    variance = square - mean.square()
    least = 1e-10 * (mean + shift).square() + 1e-12
    rate = torch.where(variance > least, variance.clamp_min(1e-30).rsqrt(), 0).float()
    mean = (mean + shift).float()
    for part in (p for each in (features, *others) for p in each.split(rows)):
        part.copy_((part.float() - mean).mul_(rate))
