"""Rules that find principal components: units share out what they explain."""

from collections.abc import Sequence
from dataclasses import field

import torch

from circuitgraph.ir import value
from circuitgraph.registry import rules
from circuitgraph.rules.rule import Explained, Normalize, Part, Rule, Signals, Term


@rules.register("subspace")
@value
class Subspace(Rule):
    """Span the principal subspace: dw_i = y_i * (x - sum over units j of y_j * w_j) (Oja 1989).

    Samples are added up before weights are met: dw = Y'X - (Y'Y) W (FastHebb, Lagani et al. 2022).  On convolutions X
    are the patches and units meet those of their own site.
    """

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [Term(signals.y, signals.x), Explained(signals.y)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, normalize="layer")]


@rules.register("sanger")
@value
class Sanger(Subspace):
    """Find principal components in order: dw_i = y_i * (x - sum over units j up to i of y_j * w_j) (Sanger 1989).

    Also HPCA (Lagani et al. 2021); batched as `Subspace`, with the lower triangle of Y'Y.
    """

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [Term(signals.y, signals.x), Explained(signals.y, ordered=True)]


@rules.register("whitening")
@value
class Whitening(Rule):
    """Decorrelate: dw_i = w_i - y_i * (sum over units j of y_j * w_j), until y has unit variance and no correlations.

    The serial update of Cardoso and Laheld (1996), W += learning_rate * (I - y y') W: lateral anti-Hebbian learning
    between linear units, solved for its fixed point.  Begin with an identity, and y stays as near to x as it can.  By
    default the mean over samples and sites is taken ("activity"); the learning rate is then stable below 2 over the
    largest eigenvalue of the covariance of y.
    """

    normalize: Normalize = field(default="activity", kw_only=True)

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [Term(torch.ones_like(signals.y), times_weight=True), Explained(signals.y)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.01), cls(0.01, normalize=None)]
