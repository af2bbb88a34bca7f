"""vgg, resnet and inception: published numbers of weights, shapes, starts, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from glasshouse import UserError
from glasshouse_plugins.models.inception import Inception, InceptionModule
from glasshouse_plugins.models.linear import Linear
from glasshouse_plugins.models.mlp import MLP
from glasshouse_plugins.models.resnet import BasicBlock, Bottleneck, ResNet
from glasshouse_plugins.models.vgg import VGG
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


def weights(module: nn.Module, kinds: tuple[type, ...] = (nn.Module,)) -> int:
    chosen = [m for m in module.modules() if isinstance(m, kinds)]
    return sum(p.numel() for p in {p for m in chosen for p in m.parameters()})


@pytest.mark.parametrize(
    ("depth", "published"),
    # torchvision's documentation, for 1,000 classes and a stem of 7 x 7; ours has 10 classes and one of 3 x 3
    [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)],
)
def test_a_resnet_has_the_published_number_of_weights(depth: Any, published: int) -> None:
    with torch.device("meta"):
        model = ResNet([3, 32, 32], 10, depth=depth, width=64)
    leaving = 2048 if depth == 50 else 512
    assert weights(model) == published - 64 * 3 * (49 - 9) - (leaving + 1) * (1000 - 10)


@pytest.mark.parametrize(
    ("convolutions", "published", "biases"),
    # torchvision's vgg11 and vgg16 without their linear layers; batch norm makes the convolutions' biases superfluous
    [((1, 1, 2, 2, 2), 9_220_480, 2752), ((2, 2, 3, 3, 3), 14_714_688, 4224)],
)
def test_a_vgg_has_the_published_number_of_weights(convolutions: Any, published: int, biases: int) -> None:
    model = VGG([3, 32, 32], 10, convolutions, width=64)
    assert weights(model.maps, (nn.Conv2d,)) == published - biases
    assert weights(model.maps, (nn.BatchNorm2d,)) == 2 * biases


def test_an_inception_module_has_the_published_number_of_weights() -> None:
    """Szegedy et al. 2015, table 1, module 3a: 192 maps enter, 256 leave, 159K weights (of 1,024)."""
    module = InceptionModule(192, 256)
    assert weights(module, (nn.Conv2d,)) // 1024 == 159
    assert [branch(torch.zeros(1, 192, 5, 5)).shape[1] for branch in module.children()] == [64, 128, 32, 32]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (VGG([1, 28, 28], 10), 147_162),
        (ResNet([1, 28, 28], 10), 701_178),
        (Inception([1, 28, 28], 10), 104_826),
    ],
    ids=["vgg", "resnet", "inception"],
)
def test_docstrings_tell_the_default_size(model: nn.Module, expected: int) -> None:
    assert weights(model) == expected
    assert f"{expected:,}" in " ".join((type(model).__doc__ or "").split())


@settings(max_examples=8, deadline=None)
@given(channels=st.integers(1, 4), height=st.integers(8, 33), width=st.integers(8, 33), outputs=st.integers(1, 4))
def test_pictures_of_any_size(channels: int, height: int, width: int, outputs: int) -> None:
    x = torch.rand(2, channels, height, width)
    for model in (
        VGG(x.shape[1:], outputs, (1, 2, 1), width=2, hidden=3),
        ResNet(x.shape[1:], outputs, width=2),
        Inception(x.shape[1:], outputs, (1, 1), width=16),
        MLP(x[0].numel(), outputs, hidden=[3]),
        Linear(x[0].numel(), outputs),
    ):
        assert model(x).shape == (2, outputs)
        model.eval()
        torch.testing.assert_close(model(x[:1]), model(x)[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [18, 50])
def test_residual_blocks_start_as_the_identity(depth: Any) -> None:
    torch.manual_seed(0)
    model = ResNet([1, 12, 12], 2, depth=depth, width=4)
    x = torch.randn(3, 16 if depth == 50 else 4, 5, 5)
    block = model.blocks[1]
    assert isinstance(block, Bottleneck if depth == 50 else BasicBlock)
    torch.testing.assert_close(block(x), F.relu(x))
    shapes = []
    inner = model.stem(torch.zeros(1, 1, 12, 12))
    for part in model.blocks:
        inner = part(inner)
        shapes.append(tuple(inner.shape[1:]))
    factor = 4 if depth == 50 else 1
    stages = list(dict.fromkeys(shapes))
    assert stages == [(4 * factor, 12, 12), (8 * factor, 6, 6), (16 * factor, 3, 3), (32 * factor, 2, 2)]
    assert len(model.blocks) == (16 if depth == 50 else 8)


def test_every_weight_learns() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 1, 12, 12)
    for model in (VGG([1, 12, 12], 3, (1, 1)), ResNet([1, 12, 12], 3, width=4), Inception([1, 12, 12], 3, (1,), 16)):
        for module in model.modules():
            if isinstance(module, (BasicBlock, Bottleneck)):
                nn.init.ones_(module.last_norm.weight)  # from the identity on, the layers before it learn a step later
        F.cross_entropy(model(x), torch.tensor([0, 1, 2, 0])).backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VGG([10], 2), r"model 'vgg': input_shape is \[10\]"),
        (lambda: VGG([1, 7, 28], 2), "an image of 7 x 28 cannot be halved 3 times"),
        (lambda: VGG([1, 28, 28], 2, ()), r"convolutions is \[\]"),
        (lambda: VGG([1, 28, 28], 2, width=0), "width is 0 and hidden 128"),
        (lambda: VGG([1, 28, 28], 2, dropout=1.0), "dropout is 1.0"),
        (lambda: ResNet([10], 2), r"model 'resnet': input_shape is \[10\]"),
        (lambda: ResNet([1, 28, 28], 2, depth=20), "depth is 20; expected 18, 34, 50"),  # type: ignore[arg-type]
        (lambda: ResNet([1, 28, 28], 2, width=0), "width is 0"),
        (lambda: Inception([10], 2), r"model 'inception': input_shape is \[10\]"),
        (lambda: Inception([1, 28, 28], 2, width=24), "width is 24; expected a multiple of 16"),
        (lambda: Inception([1, 3, 3], 2), "an image of 3 x 3 cannot be halved 2 times"),
        (lambda: Inception([1, 28, 28], 2, modules=(0,)), r"modules is \[0\]"),
        (lambda: Inception([1, 28, 28], 2, dropout=-0.1), "dropout is -0.1"),
    ],
)
def test_refusals(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
