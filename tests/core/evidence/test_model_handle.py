"""Three one-page callers of the model handle; if one of them needs more than the handle offers, the handle is wrong."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from glasshouse import DataInfo, ModelHandle, Target, UserError
from glasshouse.training.task import Task
from pytorch_lightning import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))


def info(modality: str, shape: tuple[int, ...]) -> DataInfo:
    return DataInfo(name="toy", modality=modality, target=BINARY, input_shape=shape)  # type: ignore[arg-type]


# ------------------------------------------------------------------ Grad-CAM


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU())
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.features(x).mean(dim=(2, 3))))


def grad_cam(handle: ModelHandle, x: Tensor, *, layer: nn.Module, output: int) -> Tensor:
    """Selvaraju et al. (2017), equations 1 and 2: (n, h, w), at least 0."""
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, arguments, activation: kept.append(activation))
    try:
        raw = handle.outputs(x)
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(raw[:, output].sum(), kept[0])
    return F.relu((gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)).detach()


def test_grad_cam_through_the_handle() -> None:
    torch.manual_seed(0)
    net = Cnn().train()
    handle = ModelHandle(Task(net, BINARY), info("image", (1, 6, 6)))
    assert {"gradients", "module", "loss"} <= handle.capabilities
    x = torch.randn(4, 1, 6, 6)
    heat = grad_cam(handle, x, layer=handle.module.get_submodule("features"), output=1)
    # closed form: global average pooling and one linear layer give every position the weight head[c] / (h w)
    activation = net.features(x)
    expected = F.relu((net.head.weight[1].reshape(1, 3, 1, 1) / 36 * activation).sum(dim=1))
    torch.testing.assert_close(heat, expected)
    assert net.dropout.training, "the handle gives back the mode it found"
    torch.testing.assert_close(handle.outputs(x), handle.outputs(x), rtol=0, atol=0)  # dropout is off inside


# ------------------------------------------------------------------ integrated gradients on text embeddings


class TextNet(nn.Module):
    def __init__(self, vocab_size: int = 11) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, 5)
        self.head = nn.Linear(5, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.tanh(self.embed(tokens)).mean(dim=1))


def token_attributions(handle: ModelHandle, tokens: Tensor, baseline: Tensor, *, steps: int) -> Tensor:
    """Integrated gradients (Sundararajan et al. 2017, equation 3) at the embedding layer, (n, length)."""
    total = torch.zeros(0)
    with torch.no_grad():
        end, start = handle.embed(tokens), handle.embed(baseline)
    for step in range(steps):  # midpoints
        point = (start + (step + 0.5) / steps * (end - start)).requires_grad_()
        hook = handle.embed.register_forward_hook(lambda module, arguments, output, point=point: point)
        try:
            raw = handle.outputs(tokens)
        finally:
            hook.remove()
        (gradient,) = torch.autograd.grad(raw.sum(), point)
        total = gradient if step == 0 else total + gradient
    return ((end - start) * total / steps).sum(dim=2)


def test_integrated_gradients_on_embeddings_are_complete() -> None:
    torch.manual_seed(1)
    handle = ModelHandle(Task(TextNet(), BINARY), info("text", (7,)))
    assert "embed" in handle.capabilities
    assert "gradients" not in handle.capabilities  # tokens are integers
    tokens, baseline = torch.randint(1, 11, (6, 7)), torch.zeros(6, 7, dtype=torch.long)
    attributions = token_attributions(handle, tokens, baseline, steps=200)
    difference = (handle.outputs(tokens) - handle.outputs(baseline)).squeeze(1)
    torch.testing.assert_close(attributions.sum(dim=1), difference, rtol=1e-4, atol=1e-5)  # completeness axiom
    with pytest.raises(UserError, match="has no single embedding layer"):
        _ = ModelHandle(Task(Cnn(), BINARY), info("image", (1, 6, 6))).embed


# ------------------------------------------------------------------ a shadow model


def shadow(handle: ModelHandle, x: Tensor, y: Tensor, *, seed: int) -> ModelHandle:
    """The same recipe trained on other rows (Shokri et al. 2017)."""
    copy = handle.rebuild(seed=seed)
    loader = DataLoader(TensorDataset(x, y), batch_size=16)
    Trainer(
        max_epochs=20, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False
    ).fit(copy.lightning_module, loader)
    return copy


def test_shadow_model_follows_the_recipe_and_leaves_the_original_alone() -> None:
    def recipe() -> Task:
        task = Task(nn.Linear(2, 1), BINARY)
        task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=0.1)
        return task

    torch.manual_seed(2)
    handle = ModelHandle(recipe(), info("tabular", (2,)), recipe=recipe)
    before = [p.clone() for p in handle.module.parameters()]
    y = torch.arange(64) % 2
    x = torch.stack([y * 4.0 - 2, torch.zeros(64)], dim=1)
    state = torch.random.get_rng_state()
    copy = handle.rebuild(seed=3)
    assert torch.equal(state, torch.random.get_rng_state()), "rebuilding does not disturb the run's randomness"
    assert torch.equal(copy.module.weight, handle.rebuild(seed=3).module.weight)  # type: ignore[union-attr]
    trained = shadow(handle, x, y, seed=3)
    assert bool((trained.scores(x).argmax(dim=1) == y).all())
    assert trained.loss(x, y).mean() < 0.1 < handle.loss(x, y).mean()
    assert all(torch.equal(a, b) for a, b in zip(before, handle.module.parameters(), strict=True))
