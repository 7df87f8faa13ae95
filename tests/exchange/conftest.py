"""Modules to exchange: what each of torch's layers looks like in use, with an example of its input."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class Residual(nn.Module):
    """A shortcut around a layer whose output is read twice, functions instead of layers, and a mean over sites."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.project = nn.Conv2d(2, 4, 1)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        z = torch.relu(y) + self.project(x) + y
        return self.out(nn.functional.dropout(z.mean((2, 3)), training=self.training))


class Views(nn.Module):
    """Views, functional pooling, a product of shapes that torch knows and circuits do not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3)
        self.norm = nn.BatchNorm1d(12)
        self.out = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.max_pool1d(self.conv(x), 2)
        return self.out(self.norm(y.view(y.size(0), -1)).tanh())


class Grown(nn.Module):
    """A dense block: each layer hears all before it; its features, and those of a short way, are read side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(6, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.pool, self.short = nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 1, 3, stride=3)
        self.out = nn.Linear(9 + 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([x, torch.relu(self.conv1(x))], 1)
        z = torch.cat((y, self.conv2(torch.relu(self.norm(y)))), dim=-3)
        return self.out(torch.concat([self.pool(z).flatten(1), self.short(x).flatten(1)], axis=1))


class SideBySide(nn.Module):
    """Two recurrent layers, read side by side at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.rnn = nn.GRU(5, 4), nn.RNN(5, 3)
        self.out = nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.cat([self.gru(x)[0], self.rnn(x)[0]], dim=2))


class LastStep(nn.Module):
    """Two layers of a recurrent network and a read-out of the last step."""

    def __init__(self, kind: type[nn.RNNBase], *, batch_first: bool, hidden: bool = False) -> None:
        super().__init__()
        self.cell = kind(5, 4, num_layers=2, batch_first=batch_first)
        self.out = nn.Linear(4, 3)
        self.batch_first, self.hidden = batch_first, hidden

    def forward(self, x: Tensor) -> Tensor:
        y, state = self.cell(x)
        if self.hidden:
            return self.out((state[0] if isinstance(self.cell, nn.LSTM) else state)[-1])
        return self.out(y[:, -1] if self.batch_first else y[-1])


def feedforward() -> dict[str, tuple[nn.Module, Tensor]]:
    torch.manual_seed(0)
    image, line, block = torch.randn(5, 2, 6, 6), torch.randn(5, 3, 8), torch.randn(3, 2, 4, 4, 4)
    return {
        "linear": (nn.Linear(4, 3), torch.randn(5, 4)),
        "linear without bias": (nn.Linear(4, 3, bias=False), torch.randn(5, 4)),
        "mlp": (nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.GELU(), nn.Linear(6, 2)), torch.randn(5, 4)),
        "conv": (nn.Conv2d(2, 4, 3), image),
        "conv of three kinds": (
            nn.Sequential(
                nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
                nn.LeakyReLU(0.2),
                nn.Conv2d(4, 8, 3, padding=1, groups=2, padding_mode="reflect"),
                nn.Conv2d(8, 8, 3, padding="same", groups=8, bias=False, padding_mode="circular"),
            ),
            image,
        ),
        "depthwise with two units each": (nn.Conv1d(3, 6, 3, groups=3), line),
        "conv and pool in 3d": (nn.Sequential(nn.Conv3d(2, 3, 3, padding=1), nn.MaxPool3d(2), nn.Softplus()), block),
        "taps beyond the input": (nn.Conv2d(2, 3, 5, stride=2, padding=2), torch.randn(4, 2, 2, 2)),
        "norm of its own": (nn.Sequential(nn.BatchNorm2d(2, affine=False), nn.Conv2d(2, 3, 1), nn.SiLU()), image),
        "pools": (
            nn.Sequential(nn.AvgPool2d(3, 1, padding=1), nn.MaxPool2d(2, padding=1), nn.AdaptiveMaxPool2d((2, None))),
            image,
        ),
        "adaptive mean": (nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(18, 2)), image),
        "softmax": (nn.Sequential(nn.Conv1d(3, 4, 1), nn.Softmax(1)), line),
        "residual": (Residual(), image),
        "views": (Views(), line),
        "dense block": (Grown(), image),
        "nothing": (nn.Sequential(nn.Identity(), nn.Dropout()), torch.randn(5, 4)),
    }


def over_time() -> dict[str, tuple[nn.Module, Tensor]]:
    torch.manual_seed(0)
    x = torch.randn(6, 6, 5)
    return {
        "rnn": (nn.RNN(5, 4), x),
        "rnn with rectifiers": (nn.RNN(5, 4, nonlinearity="relu", bias=False, batch_first=True), x),
        "gru, last step": (LastStep(nn.GRU, batch_first=False), x),
        "gru, hidden state": (LastStep(nn.GRU, batch_first=True, hidden=True), x),
        "lstm": (nn.LSTM(5, 4, batch_first=True), x),
        "lstm, last step": (LastStep(nn.LSTM, batch_first=True), x),
        "lstm, hidden state": (LastStep(nn.LSTM, batch_first=False, hidden=True), x),
    }


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def lived_in() -> Callable[[nn.Module], nn.Module]:
    """Give batch normalisation something to say."""
    found: Callable[[nn.Module], nn.Module] = benchmark("resnet").lived_in
    return found


@pytest.fixture(scope="session")
def resnet() -> type[nn.Module]:
    found: type[nn.Module] = benchmark("resnet").ResNet18
    return found


@pytest.fixture(params=feedforward())
def layers(request: pytest.FixtureRequest, lived_in: Callable[[nn.Module], nn.Module]) -> tuple[nn.Module, Tensor]:
    module, x = feedforward()[request.param]
    return lived_in(module), x


@pytest.fixture(params=over_time())
def sequence(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    return over_time()[request.param]


@pytest.fixture
def dense_block() -> tuple[nn.Module, Tensor]:
    module, x = feedforward()["dense block"]
    return module.eval(), x


@pytest.fixture
def side_by_side() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return SideBySide().eval(), torch.randn(6, 3, 5)
