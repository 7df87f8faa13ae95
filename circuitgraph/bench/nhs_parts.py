"""What the NHS recipe is made of: its blocks, its mixed images, and edits that write down what they did."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.compiler import Network, State
from circuitgraph.compiler.signals import Reduce
from circuitgraph.edits import Rewire
from circuitgraph.ir import Circuit, Remap, Value, normal
from circuitgraph.neurons import BatchNorm
from circuitgraph.structural import Moment, Newborns, Prune
from circuitgraph.structural.loop import Action, act
from circuitgraph.topologies import Conv, OneToOne, Pruned
from circuitgraph.train import accuracy, as_activity, batches


def convolve(net: Circuit, below: str, name: str, width: int, seed: int, rule: Value | None = None) -> Circuit:
    """Add a normalised 3x3 convolution."""
    law, weight = Conv(3, padding=1), normal(2**0.5)
    return net.connect(below, name, law, units=width, neuron=BatchNorm(), rule=rule, weight=weight, rng=seed)


def block(net: Circuit, i: int, n_hidden: int, gate: Value, rule: Value, seed: int) -> Circuit:
    """Add fire -> hidden -> gated -> back, which joins fire in out; hidden units may come and go."""
    width = net.population(f"fire{i}").n_units
    net = convolve(net, f"fire{i}", f"hidden{i}", n_hidden, seed, rule)
    net = net.connect(f"hidden{i}", f"gated{i}", OneToOne(), neuron=gate)
    law, weight = Pruned(Conv(3, padding=1), hexagon(n_hidden, width)), normal(2**0.5)
    net = net.connect(f"gated{i}", f"back{i}", law, units=width, neuron=BatchNorm(), weight=weight, rng=seed)
    return net.connect(f"back{i}", f"out{i}", OneToOne(), neuron=gate).connect(f"fire{i}", f"out{i}", OneToOne())


def hexagon(n_pre: int, n_post: int) -> np.ndarray:
    """List the slots of a 3x3 convolution without two opposite corners: a site and its six neighbours.

    Shape: -> (n_post * 7 * n_pre,), rising.

    Example:
        >>> hexagon(1, 1)
        array([1, 2, 3, 4, 5, 6, 7])
    """
    taps = np.arange(n_post)[:, None] * 9 + np.arange(1, 8)
    return np.asarray((taps[..., None] * n_pre + np.arange(n_pre)).ravel())


class Paced(Network):
    """A network whose rules learn at `pace` times their rate: they slow down when the optimiser does."""

    pace: float = 0.0

    def learn(
        self, state: State, *, only: Iterable[str] | None = None, scale: float = 1.0, reduce: Reduce | None = None
    ) -> None:
        """Change weights by their rules; see `Network.learn`."""
        super().learn(state, only=only, scale=scale * self.pace, reduce=reduce)


@dataclass(frozen=True)
class Mixed:
    """Training images in shuffled batches: shifted, mirrored, and mixed in pairs (mixup, Zhang et al. 2018).

    Shape: -> inputs (B, channels, height, width), shares of classes (B, classes).
    """

    images: Tensor
    labels: Tensor
    n_classes: int
    size: int
    rng: torch.Generator
    mixup: float = 0.2
    shift: int = 4
    flip: bool = True

    def __len__(self) -> int:
        return sum(1 for _ in batches(len(self.images), self.size, torch.Generator()))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        beta = np.random.default_rng(int(torch.randint(2**31, (), generator=self.rng)))
        for batch in batches(len(self.images), self.size, self.rng):
            x, target = self._seen(batch)
            x = shifted(x, self.shift, self.flip, self.rng)
            if self.mixup:
                share, other = float(beta.beta(self.mixup, self.mixup)), torch.randperm(len(x), generator=self.rng)
                x, target = (torch.lerp(t[other.to(t.device)], t, share) for t in (x, target))
            yield x, target

    def probe(self, n: int) -> list[tuple[Tensor, Tensor]]:
        """Give the first images as they are, in batches."""
        return [self._seen(batch) for batch in torch.arange(min(n, len(self.images))).split(100)]

    def _seen(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        at = batch.to(self.images.device)
        return as_activity(self.images[at]), F.one_hot(self.labels[at], self.n_classes).float()


def shifted(x: Tensor, most: int, flip: bool, rng: torch.Generator) -> Tensor:
    """Shift each image by up to `most` sites in both directions, its border reflected, and mirror half of them.

    Shape: (B, channels, height, width) -> same.

    Example:
        >>> x = torch.arange(4.0).view(1, 1, 1, 4)
        >>> shifted(x, 0, False, torch.Generator()).flatten().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    n, _, height, width = x.shape
    rows, columns = (
        torch.arange(size) + torch.randint(2 * most + 1, (n, 1), generator=rng) for size in (height, width)
    )
    mirrored = torch.rand(n, 1, generator=rng) < (0.5 if flip else 0.0)
    columns = torch.where(mirrored, columns.flip(1), columns)
    sample, rows, columns = (
        t.to(x.device) for t in (torch.arange(n)[:, None, None], rows[..., None], columns[:, None])
    )
    padded = F.pad(x, [most] * 4, mode="reflect") if most else x
    return padded.movedim(1, -1)[sample, rows, columns].movedim(-1, 1).contiguous()


@dataclass
class Births:
    """Grow the hidden units of every block to its width, in so many steps; newcomers hear what nobody explains yet.

    Newcomers say nothing at first, and are given the hexagons that the others speak through.
    """

    n_blocks: int
    left: int
    rng: torch.Generator

    def __call__(self, moment: Moment) -> list[Remap]:
        net, done = moment.net, list[Remap]()
        for i in range(1, self.n_blocks + 1):
            width, now = (net.circuit.population(f"{name}{i}").n_units for name in ("fire", "hidden"))
            n = (width - now) // max(1, self.left)
            if n > 0:
                seed = int(torch.randint(2**31, (), generator=self.rng))
                born = Newborns(f"hidden{i}", n, "residual", seed=seed)
                done += [born(net, moment.probe), self._complete(net, f"gated{i}->back{i}", now)]
        self.left -= 1
        return done

    def _complete(self, net: Network, name: str, n_before: int) -> Remap:
        """Rewire what newcomers speak through, which has weight zero, from slots at random to hexagons."""
        p = net.circuit.projection(name)
        pre, post = net.circuit.shapes(p)
        present = p.topology.keep if isinstance(p.topology, Pruned) else np.arange(p.n_slots)
        there, wanted = (_marked(keys, 9 * pre[0] * post[0]) for keys in (present, hexagon(pre[0], post[0])))
        new = np.arange(len(there)) % pre[0] >= n_before
        strays, missing = np.flatnonzero((new & ~wanted)[present]), np.flatnonzero(new & wanted & ~there)
        return net.edit(Rewire(name, strays, missing), reason="hexagons of newcomers")


def _marked(keys: np.ndarray, size: int) -> np.ndarray:
    marked = np.zeros(size, bool)
    marked[keys] = True
    return marked


@dataclass
class Diary:
    """Judge each edit on held-out images: accuracy before and after, units and slots, who came and who went."""

    images: Tensor
    labels: Tensor
    rows: list[dict[str, object]] = field(default_factory=list)

    def watch(self, what: str, action: Action | Prune) -> Callable[[Moment], Sequence[Remap]]:
        """Make an action that does this one and writes down what it did; nothing where nothing changed."""

        def watched(moment: Moment) -> Sequence[Remap]:
            net, before = moment.net, moment.net.circuit
            was = self._judge(net)
            done = act(action, moment)
            remaps = [done] if isinstance(done, Remap) else list(done or ())
            if net.circuit is not before:
                row: dict[str, object] = {"step": moment.step, "edit": what}
                for key in ("units", "slots"):
                    old, new = (getattr(c, f"n_{key}") for c in (before, net.circuit))
                    row |= {f"{key}_before": old, f"{key}_after": new}
                self.rows.append(row | {"accuracy_before": was, "accuracy_after": self._judge(net)})
            return remaps

        return watched

    def _judge(self, net: Network) -> float:
        return round(accuracy(net, self.images, self.labels, batch_size=250), 2)
