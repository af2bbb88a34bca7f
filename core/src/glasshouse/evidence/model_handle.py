"""The interface of a trained model for audits, the same for our models and third-party ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from glasshouse.data.data_info import DataInfo
from glasshouse.errors import UserError
from glasshouse.evidence.comparing import same_values
from glasshouse.evidence.model_outputs import OutputKind, loss_per_row, output_kind, to_scores
from glasshouse.evidence.self_scoring import self_score_loss

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle


class ModelHandle:
    """A trained model for evaluation. Every method leaves the module in its mode and on its device.

    Args:
        lightning_module: a trained `glasshouse.training.task.Task` around a network, or a third-party module.
        info: the description of the data that it was trained on.
        recipe: builds an untrained copy of `lightning_module`; None if that is impossible.
        name: the name in reports.
        output_kind: the kind of its output, if neither the module nor the target declares it.
    """

    def __init__(
        self,
        lightning_module: LightningModule,
        info: DataInfo,
        *,
        recipe: Callable[[], LightningModule] | None = None,
        name: str = "model",
        output_kind: OutputKind | None = None,
    ) -> None:
        self.lightning_module = lightning_module
        self.info = info
        self.name = name
        self._recipe = recipe
        self._output_kind = output_kind
        self._hook: RemovableHandle | None = None

    @property
    def writes_inputs(self) -> bool:
        """Whether the model was seen to write into its inputs (``x -= mean`` in `forward`); then it receives copies."""
        return self._hook is not None

    def copy_inputs(self, wanted: bool = True) -> None:
        """Whether the module receives copies of its inputs from now on, also where it is called directly."""
        if wanted and self._hook is None:
            self._hook = self.module.register_forward_pre_hook(_with_copies)
        elif not wanted and self._hook is not None:
            self._hook.remove()
            self._hook = None

    @property
    def module(self) -> nn.Module:
        """The network itself, for methods that need its layers: that of a `Task`, else the module with a `forward`.

        A third-party module may have a submodule called `network` and compute more around it.
        """
        network = getattr(self.lightning_module, "network", None)
        if not isinstance(network, nn.Module):
            return self.lightning_module
        wraps = getattr(type(self.lightning_module), "only_holds_network", False)
        return network if wraps or not _has_forward(self.lightning_module) else self.lightning_module

    @property
    def output_kind(self) -> OutputKind:
        """The kind of `outputs`: logits, probabilities, values or standardized values."""
        return self._output_kind or output_kind(self.lightning_module, self.info.target)

    @property
    def device(self) -> torch.device:
        """The device of the parameters; the CPU for a model without parameters."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of ``gradients``, ``module``, ``embed``, ``loss``, ``rebuild``, ``generate``, ``token_losses`` and
        ``continue_text`` this model has."""
        found = {"module", "loss"}
        if self.info.modality in ("tabular", "image"):  # text and token sequences enter as integers
            found.add("gradients")
        if self._find_embedding() is not None:
            found.add("embed")
        if self._recipe is not None:
            found.add("rebuild")
        for name in ("generate", "token_losses", "continue_text"):
            if callable(getattr(self.module, name, None)):
                found.add(name)
        return frozenset(found)

    @property
    def embed(self) -> nn.Module:
        """The layer that turns tokens into vectors: the network's `embed`, or its only `nn.Embedding`.

        Raises:
            UserError: if there is none, or several without an attribute `embed`.
        """
        found = self._find_embedding()
        if found is None:
            raise UserError(
                f"model '{self.name}'",
                "has no single embedding layer.",
                "Give the network an attribute `embed` with the embedding layer.",
            )
        return found

    def _find_embedding(self) -> nn.Module | None:
        named = getattr(self.module, "embed", None)
        if isinstance(named, nn.Module):
            return named
        embeddings = [m for m in self.module.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))]
        return embeddings[0] if len(embeddings) == 1 else None

    def outputs(self, x: Tensor) -> Tensor:
        """Raw output for one batch, differentiable with respect to `x` and the parameters; moves `x` to `device`."""
        with self._evaluating():
            return self.module(x.to(self.device))  # type: ignore[no-any-return]

    def outputs_and_losses(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Raw output and losses for one batch of data, which the model cannot change; see `writes_inputs`."""
        x = x.to(self.device)
        given = x.clone()
        raw = self.outputs(given)
        changed = not same_values(given, x)
        if self.info.target.observed:
            losses = self.losses(x, y, raw)
        else:
            given = x.clone()
            losses = self.losses(given, y)
            changed = changed or not same_values(given, x)
        if changed:
            self.copy_inputs()
        return raw, losses

    def probabilities(self, x: Tensor) -> Tensor:
        """Scores for one batch, differentiable: (n, K) probabilities or (n, 1) values."""
        return to_scores(self.outputs(x), self.info.target, self.output_kind)

    def scores(self, x: Tensor, *, batch_size: int = 8192) -> Tensor:
        """Scores of any number of rows, float32 on the CPU, (n, K); computed in batches without gradients."""
        return self._batched(x, batch_size, lambda rows, _: self.probabilities(rows))

    def loss(self, x: Tensor, y: Tensor, *, batch_size: int = 8192) -> Tensor:
        """The training loss of every row, float32 on the CPU, (n,).

        Cross-entropy in nats, squared error, or the own loss of a self-scoring model, which ignores `y`.
        """
        return self._batched(x, batch_size, lambda rows, chosen: self.losses(rows, y[chosen]))

    def losses(self, x: Tensor, y: Tensor, raw: Tensor | None = None) -> Tensor:
        """As `loss`, for one batch on the model's device; `raw`, its output, saves a forward pass."""
        if self.info.target.observed:
            raw = self.outputs(x) if raw is None else raw
            return loss_per_row(raw, y.to(raw.device), self.info.target, self.output_kind)
        with self._evaluating():
            return self_score_loss(self.module, self._given(x))

    def generate(self, count: int, *, seed: int) -> Tensor:
        """Generated examples (count, *`info.input_shape`), float32 on the CPU; needs the capability ``generate``.

        Raises:
            UserError: if the model returns another shape.
        """
        method: Callable[..., Tensor] = self.module.generate  # type: ignore[assignment]
        with self._evaluating(), torch.no_grad():
            found = method(count, seed=seed).float().cpu()
        expected = (count, *self.info.input_shape)
        if found.shape != expected:
            raise UserError(f"model '{self.name}'", f"generates shape {tuple(found.shape)}; expected {expected}.")
        return found

    def token_losses(self, x: Tensor, *, batch_size: int = 256) -> Tensor:
        """Negative log-likelihood in nats of every word of n texts and of the end of text, float32 on the CPU.

        Shape (n, length + 1), NaN after the end of a text; needs the capability ``token_losses`` of a language model.
        """
        method: Callable[..., Tensor] = self.module.token_losses  # type: ignore[assignment]

        def batch_losses(rows: Tensor, _: slice) -> Tensor:
            with self._evaluating():
                return method(self._given(rows))

        return self._batched(x, batch_size, batch_losses)

    def continue_text(self, tokens: Tensor, *, words: int, temperature: float = 1.0, seed: int) -> Tensor:
        """Texts (n, k), each continued by up to `words` sampled words, (n, k + words) on the CPU.

        Needs the capability ``continue_text`` of a language model. Texts are padded at the end with 0; an empty text
        is generated from its beginning.
        """
        method: Callable[..., Tensor] = self.module.continue_text  # type: ignore[assignment]
        with self._evaluating(), torch.no_grad():
            return method(self._given(tokens), words=words, temperature=temperature, seed=seed).cpu()

    def rebuild(self, *, seed: int | None = None) -> ModelHandle:
        """An untrained copy of the model with new weights, drawn with `seed`.

        The copy's `lightning_module` has the optimizer of the original, so that
        ``Trainer(...).fit(copy.lightning_module, loader)`` trains a shadow model. The global random state is restored.
        """
        if self._recipe is None:
            raise UserError(f"model '{self.name}'", "cannot be rebuilt, because its configuration is unknown.")
        with torch.random.fork_rng(enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            copy = ModelHandle(
                self._recipe(), self.info, recipe=self._recipe, name=self.name, output_kind=self._output_kind
            )
        copy.copy_inputs(self.writes_inputs)
        return copy

    def _given(self, x: Tensor) -> Tensor:
        """`x` on the model's device; a copy for a model that writes into its inputs."""
        return x.to(self.device, copy=self.writes_inputs)

    def _batched(self, x: Tensor, batch_size: int, compute: Callable[[Tensor, slice], Tensor]) -> Tensor:
        parts = []
        with torch.no_grad():
            for start in range(0, len(x), batch_size):
                chosen = slice(start, start + batch_size)
                parts.append(compute(x[chosen], chosen).float().cpu())
        if parts:
            return torch.cat(parts)
        with torch.no_grad():
            return compute(x, slice(0, 0)).float().cpu()

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Evaluation mode within the block; afterwards every submodule is in its previous mode."""
        if not self.module.training and not any(m.training for m in self.module.modules()):
            yield
            return
        modes = [(m, m.training) for m in self.module.modules()]
        self.module.eval()
        try:
            yield
        finally:
            for m, mode in modes:
                m.training = mode


def _with_copies(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """A forward pre-hook: the module may write into what it receives."""
    return tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)


def _has_forward(module: nn.Module) -> bool:
    return type(module).forward not in (nn.Module.forward, LightningModule.forward)
