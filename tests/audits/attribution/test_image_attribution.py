"""The audit of pictures on networks whose eyes are known."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from glasshouse import Target, UserError
from glasshouse_audits.explain.attribution.image_audit import ImageAttributionAudit
from torch import nn

THREE = Target(name="t", kind="multiclass", classes=("a", "b", "c"))


class UpperLeft(nn.Module):
    """Three classes by the brightness of the upper left quarter alone."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.convolution.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.convolution(x)[:, 0, :4, :4].mean(dim=(1, 2))
        return 20 * torch.stack([0.4 - seen, torch.zeros_like(seen), seen - 0.6], dim=1)


def images(n: int = 40) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    level = torch.rand(n, 1, 1, 1, generator=random)
    return (0.8 * level + 0.2 * torch.rand(n, 1, 8, 8, generator=random)).clamp(0, 1)


@pytest.fixture
def evidence(image_evidence):
    def build(network: nn.Module | None = None, truth: np.ndarray | None = None, **more):
        network = UpperLeft() if network is None else network
        x = images()
        guessed = network(x).argmax(dim=1).numpy() if truth is None else truth
        return image_evidence(network, x, guessed, target=THREE, **more)

    return build


def test_what_the_network_does_not_see_gets_nothing(evidence, find) -> None:
    audit = ImageAttributionAudit(rows=20, methods=["integrated_gradients"])
    result = audit.measure(evidence())
    heatmap = result.figures[0]
    values = np.array(heatmap.data["values"])
    assert values.shape == (8, 8)
    assert values.sum() == pytest.approx(100, abs=0.5)
    assert values[:4, :4].sum() == pytest.approx(100, abs=0.5)
    found = find(result)
    options = {"method": "integrated_gradients", "statistic": "max"}
    assert found.one("completeness_error", parameters=options).value <= 0.01
    assert found.one("deletion_gain", parameters={"method": "integrated_gradients"}).low > 0
    # three quarters of the pixels get nothing, whatever the rest: the Gini index is 3/4 at least
    assert found.one("attribution_gini", parameters={"method": "integrated_gradients"}).value >= 0.75


def test_nothing_of_the_pictures_is_told_unless_asked_for(evidence) -> None:
    truth = np.zeros(40, dtype=int)
    hidden = ImageAttributionAudit(rows=40).measure(evidence(truth=truth))
    assert "image" not in {figure.kind for figure in hidden.figures}
    assert "png" not in json.dumps([dict(figure.data) for figure in hidden.figures])
    (table,) = [table for table in hidden.tables if table.title == "Example rows"]
    assert {kind for _, kind in table.rows} == {"confident error", "typical"}
    shown = ImageAttributionAudit(rows=40).measure(evidence(truth=truth, show_examples=True))
    (figure,) = [figure for figure in shown.figures if figure.kind == "image"]
    labels = [image["label"] for image in figure.data["images"]]
    assert [label.split(":")[0] for label in labels] == [f"row {index}" for index, _ in table.rows]
    assert len(labels) == 12
    assert "true a" in labels[0]
    assert hidden.measurements == shown.measurements


def test_a_drawn_example_shows_the_picture_and_each_method(evidence) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="needs Pillow")
    result = ImageAttributionAudit(rows=20, examples=1).measure(evidence(show_examples=True))
    (figure,) = [figure for figure in result.figures if figure.kind == "image"]
    (image,) = figure.data["images"]
    pixels = np.asarray(pillow.open(io.BytesIO(base64.b64decode(image["png_base64"]))))
    assert pixels.shape == (8, 8 + 1 + 8 + 1 + 8, 3)
    row = int(image["label"].split(":")[0].removeprefix("row "))
    np.testing.assert_array_equal(pixels[:, :8, 0], np.rint(255 * images()[row, 0].double().numpy()))
    assert "Integrated gradients: " in image["description"]
    assert "Grad-CAM: " in image["description"]


def test_the_most_confident_errors_of_the_whole_split_come_first(evidence) -> None:
    """Also those that are not among the rows drawn at random."""
    found = evidence(truth=np.full(40, 1))
    result = ImageAttributionAudit(rows=2, examples=6).measure(found)
    wrong = np.flatnonzero(found.evaluated.predicted != 1)
    surest = wrong[np.argsort(-found.evaluated.scores[wrong].max(axis=1), kind="stable")][:3]
    (table,) = [table for table in result.tables if table.title == "Example rows"]
    assert {index for index, kind in table.rows if kind == "confident error"} == set(surest.tolist())
    assert result.measurements[0].n == 2


def test_random_weights_change_the_explanation(evidence, find) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    found = find(ImageAttributionAudit(rows=20).measure(evidence(network)))
    attributions = {m.parameters["method"]: m for m in found.all("similarity_when_randomised")}
    assert set(attributions) == {"integrated_gradients", "grad_cam"}
    assert -1 <= attributions["integrated_gradients"].value < 0.9
    before = {name: value.clone() for name, value in network.state_dict().items()}
    ImageAttributionAudit(rows=10).measure(evidence(network))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_the_same_seed_gives_the_same_numbers(evidence) -> None:
    one, other = (ImageAttributionAudit(rows=10).measure(evidence()).measurements for _ in range(2))
    assert one == other


def test_a_network_without_convolutions_goes_without_grad_cam(evidence) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    result = ImageAttributionAudit(rows=10, checks=False).measure(evidence(network))
    assert "Grad-CAM not used: the model has no two-dimensional convolution." in result.notes
    assert {m.parameters["method"] for m in result.measurements} == {"integrated_gradients"}
    with pytest.raises(UserError, match=r"audit 'image_attribution': no method could explain the model\. Grad-CAM"):
        ImageAttributionAudit(rows=10, methods=["grad_cam"]).measure(evidence(network))


def test_few_pictures_have_no_mean_map(evidence) -> None:
    result = ImageAttributionAudit(rows=9, checks=False).measure(evidence())
    assert result.figures == []


def test_scores_that_are_not_finite_are_refused(evidence) -> None:
    found = evidence()
    with torch.no_grad():
        found.model.module.convolution.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="expected finite inputs and outputs"):
        ImageAttributionAudit(rows=5).measure(found)


def test_options_that_are_refused() -> None:
    with pytest.raises(UserError, match="methods is 'grad_cam'; expected"):
        ImageAttributionAudit(methods="grad_cam")
    with pytest.raises(UserError, match="Did you mean 'grad_cam'"):
        ImageAttributionAudit(methods=["gradcam"])
    with pytest.raises(UserError, match="explainer 'grad_cam': has no option 'layers'"):
        ImageAttributionAudit(methods=[{"name": "grad_cam", "layers": "x"}])
