"""Grad-CAM by captum: the image regions in which the last convolution finds evidence for a class.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", ICCV 2017: the feature maps of a convolutional layer, weighted by the mean gradient of the
class's output before the softmax, summed, with negative values set to 0, and upsampled to the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question, UserError, in_batches
from glasshouse.evidence import as_columns

from glasshouse_audits.explain.methods.batching import with_gradients
from glasshouse_audits.explain.methods.layer_calls import refuse_unless_called_once

if TYPE_CHECKING:
    from torch import Tensor, nn


class GradCam:
    """Grad-CAM of the last two-dimensional convolution, or of a named layer. Values have no unit and are 0 or more.

    Args:
        layer: name of the layer among the network's `named_modules`; by default its last two-dimensional convolution.
    """

    def __init__(self, *, layer: str | None = None) -> None:
        self.layer = layer

    def explain(self, question: Question) -> Explanation:
        """Maps of every row and explained output; the channels of a pixel share its value equally.

        Raises:
            NotExplainableError: for a layer without maps, or that a forward pass does not call exactly once.
        """
        import torch
        from captum.attr import LayerAttribution, LayerGradCam

        layer = self._layer(question.model.module)
        refuse_unless_called_once(question, layer)
        device = question.model.device
        channels, *sides = question.rows.shape[1:]
        evaluations = 0

        def maps(x: Tensor, output: int) -> Tensor:
            nonlocal evaluations
            evaluations += len(x)
            explain = LayerGradCam(lambda inputs: before_softmax(question, inputs)[:, output], layer)
            found = explain.attribute(x.to(device), relu_attributions=True)
            if found.ndim != 4:
                raise NotExplainableError(
                    f"the layer's output has shape {tuple(found.shape[1:])}; expected maps (channels, height, width)"
                )
            enlarged: Tensor = LayerAttribution.interpolate(found, tuple(sides), interpolate_mode="bilinear")
            return enlarged.expand(-1, channels, -1, -1) / channels

        with with_gradients():
            found = [
                in_batches(lambda x, output=output: maps(x, output), question.rows, most=question.max_batch)
                for output in question.outputs
            ]
        values = torch.stack(found, dim=-1).double().numpy().astype(np.float64)
        return Explanation(values=values, evaluations=evaluations, details="It has the resolution of its layer.")

    def _layer(self, module: nn.Module) -> nn.Module:
        from torch import nn

        if self.layer is not None:
            named = dict(module.named_modules())
            if self.layer not in named:
                raise UserError(
                    "explainer 'grad_cam'",
                    f"the model has no layer '{self.layer}'.",
                    f"Its layers: {', '.join(name for name in list(named)[1:13])}.",
                )
            chosen: nn.Module = named[self.layer]
            return chosen
        if len(getattr(module, "members", ())) > 1:
            raise NotExplainableError("the model averages several networks, each with its own last convolution")
        convolutions: list[nn.Module] = [each for each in module.modules() if isinstance(each, nn.Conv2d)]
        if not convolutions:
            raise NotExplainableError("the model has no two-dimensional convolution")
        return convolutions[-1]


def before_softmax(question: Question, x: Tensor) -> Tensor:
    """A network's outputs (m, classes), usually logits; a single binary output becomes those of both classes."""
    import torch

    columns = as_columns(question.model.outputs(x), question.model.info.target)
    if columns.shape[1] == 1 and question.model.info.target.kind == "binary":
        return torch.cat([-columns, columns], dim=1)
    return columns
