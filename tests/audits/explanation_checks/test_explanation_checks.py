"""All checks together: what is told of methods that are right, wrong, random, exact or broken."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from glasshouse import Explanation, NotExplainableError, Target
from glasshouse.report.figures import draw
from glasshouse_audits.explain.checks.stability import typical_row
from glasshouse_audits.explain.checks.suite import run_checks

BINARY = Target(name="alarm", kind="binary", classes=("quiet", "alarm"), favourable="quiet")


@pytest.fixture
def question(network, make_question, mixed_rows):
    return make_question(network, mixed_rows(40, 0), mixed_rows(24, 1))


def one(checked, name, **parameters):
    """The only measurement of that name with these parameters."""
    found = [m for m in checked.measurements if m.name == name and parameters.items() <= m.parameters.items()]
    assert len(found) == 1, [m.id for m in found]
    return found[0]


def ignoring(question):
    """Attributions that are the inputs, whatever the model."""
    return question.by_feature(question.rows.double().numpy()[:, :, None])


def test_every_check_is_measured_for_every_method_with_all_that_is_needed_to_read_it(
    question, answered, gradient_times_change
) -> None:
    explained = [answered("gradient", gradient_times_change, question), answered("ignoring", ignoring, question)]
    found = run_checks(explained, question, split="test", labels=[None])
    names = {
        "deletion_area",
        "insertion_area",
        "deletion_gain",
        "insertion_gain",
        "deletion_beats_random",
        "insertion_beats_random",
        "infidelity",
        "relative_infidelity",
        "stability",
        "max_sensitivity",
        "similarity_when_randomised",
    }
    for method in ("gradient", "ignoring"):
        assert {m.name for m in found.measurements if m.parameters.get("method") == method} == names
    assert {m.name for m in found.measurements if "method" not in m.parameters} == {
        "random_order_area",
        "method_agreement",
    }
    for m in found.measurements:
        assert m.split == "test"
        assert m.n is not None
    assert len({m.id for m in found.measurements}) == len(found.measurements)
    assert one(found, "deletion_gain", method="gradient").n == 40
    assert one(found, "deletion_gain", method="gradient").interval_method == "student_t"
    for number, figure in enumerate(found.figures):
        json.dumps(figure.data, allow_nan=False)
        assert "svg" in draw(figure, number)
    assert {figure.kind for figure in found.figures} == {"line", "dot_interval", "heatmap"}
    json.dumps([table.rows for table in found.tables], allow_nan=False)


def test_a_method_that_ignores_the_model_is_caught(question, answered, gradient_times_change) -> None:
    """Under random weights it stays the same, and the one that looks at the model does not."""
    explained = [answered("gradient", gradient_times_change, question), answered("ignoring", ignoring, question)]
    found = run_checks(explained, question, split="test", labels=[None])
    for layers in (1, 2, "all"):
        stays = one(found, "similarity_when_randomised", method="ignoring", layers=layers, statistic="rank_correlation")
        assert stays.value == pytest.approx(1)
    follows = one(found, "similarity_when_randomised", method="gradient", layers="all", statistic="rank_correlation")
    assert follows.value < 0.6
    figure = next(figure for figure in found.figures if "random weights" in figure.title)
    assert [one["y"][0] for one in figure.data["series"]] == [1, 1]


def test_exact_attributions_of_a_linear_model_are_as_good_as_can_be(
    linear, make_question, mixed_rows, answered, gradient_times_change
) -> None:
    question = make_question(linear([2.0, 1.0, -1.0, 0.5, -3.0]), mixed_rows(60, 2), mixed_rows(16, 3))

    def flipped(asked):
        return -gradient_times_change(asked)

    explained = [answered("exact", gradient_times_change, question), answered("flipped", flipped, question)]
    found = run_checks(explained, question, split="test", labels=[None])
    assert one(found, "relative_infidelity", method="exact", scaled=False).value == pytest.approx(0, abs=1e-9)
    assert one(found, "relative_infidelity", method="flipped", scaled=False).value == pytest.approx(4, abs=1e-6)
    assert one(found, "relative_infidelity", method="flipped", scaled=True).value == pytest.approx(0, abs=1e-9)
    assert one(found, "deletion_gain", method="exact").low > 0
    assert one(found, "deletion_gain", method="flipped").high < 0
    assert one(found, "deletion_beats_random", method="exact").value > 0.7
    agreement = one(found, "method_agreement", first="exact", second="flipped", statistic="rank_correlation")
    assert agreement.value == pytest.approx(-1)
    assert one(found, "stability", method="exact", under="another seed", statistic="rank_correlation").value == 1


def test_the_model_is_left_as_it_came(question, answered, gradient_times_change) -> None:
    network = question.model.module
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.train()
    run_checks([answered("gradient", gradient_times_change, question)], question, split="test", labels=[None])
    _same(network, before)
    assert all(m.training for m in network.modules())


def test_the_model_is_left_as_it_came_by_a_method_that_crashes(question, answered) -> None:
    network = question.model.module
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def crash_under_random_weights(asked):
        if not torch.equal(network[4].weight, before["4.weight"]):
            raise RuntimeError("a bug in a stranger's method")
        return ignoring(asked)

    explained = [answered("fragile", crash_under_random_weights, question)]
    with pytest.raises(RuntimeError, match="a bug in a stranger's method"):
        run_checks(explained, question, split="test", labels=[None])
    _same(network, before)


def _same(network, before) -> None:
    for name, tensor in network.state_dict().items():
        assert tensor.numpy().tobytes() == before[name].numpy().tobytes(), name
    assert not any(m._forward_pre_hooks or m._forward_hooks or m._backward_hooks for m in network.modules())


def test_a_method_that_cannot_answer_again_says_why(question, answered) -> None:
    once = answered("once", ignoring, question)

    def refuse(asked):
        raise NotExplainableError("the moon is not full.")

    found = run_checks([replace(once, explain=refuse)], question, split="test", labels=[None])
    for m in found.measurements:
        if m.name in ("stability", "max_sensitivity", "similarity_when_randomised"):
            assert m.undefined == "Once cannot explain again: the moon is not full"
        else:
            assert m.undefined is None, m.id


def test_sampled_methods_tell_their_error_and_move_with_the_seed(question, answered) -> None:
    def sampled(asked):
        rng = np.random.default_rng(asked.seed)
        values = ignoring(asked)
        error = np.full_like(values, 0.5)
        return Explanation(values=values + error * rng.normal(size=values.shape), standard_error=error)

    explained = [answered("sampled", sampled, question)]
    found = run_checks(explained, question, split="test", labels=[None])
    values = explained[0].explanation.values[:, :, 0]
    expected = 0.5 * np.sqrt(3) / np.linalg.norm(values, axis=1)
    assert one(found, "sampling_error", statistic="mean").value == pytest.approx(expected.mean())
    assert one(found, "sampling_error", statistic="max").value == pytest.approx(expected.max())
    seeds = one(found, "stability", under="another seed", statistic="rank_correlation")
    assert seeds.value < 0.99


def test_exact_values_have_no_seed_to_be_unstable_under(question, answered) -> None:
    asked = []

    def exact(question):
        asked.append(question)
        values = ignoring(question)
        return Explanation(values=values, standard_error=np.zeros_like(values))

    found = run_checks([answered("exact", exact, question)], question, split="test", labels=[None])
    stability = one(found, "stability", under="another seed", statistic="rank_correlation")
    assert stability.undefined == "the values are exact and use no random numbers"
    assert {q.seed for q in asked} == {question.seed}


def test_backgrounds_are_halves_and_a_typical_row(question, answered) -> None:
    asked = []

    def recorded(question):
        asked.append(question)
        return ignoring(question)

    run_checks([answered("recorded", recorded, question)], question, split="test", labels=[None])
    backgrounds = [q.background for q in asked]
    for half in (question.background[:12], question.background[12:], typical_row(question.background)):
        assert any(half.shape == b.shape and torch.equal(half, b) for b in backgrounds)
    assert all(len(q.rows) in (40, 20) for q in asked)


def test_the_typical_row_is_the_nearest_to_the_mean() -> None:
    background = torch.tensor([[0.0, 100.0], [1.0, 0.0], [2.0, -50.0], [9.0, 0.0]])
    # in standard deviations of a column the second row is nearest to the mean (3, 12.5)
    assert typical_row(background).tolist() == [[1.0, 0.0]]


def test_all_is_told_of_every_output(network, make_question, mixed_rows, answered, gradient_times_change) -> None:
    question = make_question(network, mixed_rows(25, 4), mixed_rows(10, 5), target=BINARY)
    found = run_checks(
        [answered("gradient", gradient_times_change, question)], question, split="test", labels=["quiet", "alarm"]
    )
    by_output = {label: {m.id: m for m in found.measurements if m.output == label} for label in ("quiet", "alarm")}
    assert len(by_output["quiet"]) == len(by_output["alarm"])
    # the two probabilities add up to 1: what lowers one raises the other, and the order of features is reversed
    mean_similarities = {"deletion_gain": "insertion_gain", "insertion_gain": "deletion_gain"}
    compared = 0
    for m in by_output["quiet"].values():
        if m.name in (*mean_similarities, "infidelity", "relative_infidelity", "max_sensitivity"):
            name = m.id.replace("quiet", "alarm").replace(m.name, mean_similarities.get(m.name, m.name))
            assert m.value == pytest.approx(by_output["alarm"][name].value, abs=1e-5), m.id
            compared += 1
    assert compared == 7
    assert all(table.columns[0].name == "output" for table in found.tables)


def test_the_order_of_rows_changes_nothing(network, make_question, mixed_rows, answered, gradient_times_change) -> None:
    rows, background = mixed_rows(45, 6), mixed_rows(12, 7)
    shuffled = np.random.default_rng(0).permutation(45)
    found = []
    for some, max_batch in ((rows, 8192), (rows[shuffled], 31)):
        question = make_question(network, some, background, max_batch=max_batch)
        explained = [answered("gradient", gradient_times_change, question), answered("ignoring", ignoring, question)]
        found.append(run_checks(explained, question, split="test", labels=[None]))
    for first, second in zip(*(checked.measurements for checked in found), strict=True):
        assert first.id == second.id
        assert (first.undefined, first.n) == (second.undefined, second.n), first.id
        if first.value is not None:
            assert first.value == pytest.approx(second.value, rel=1e-4, abs=1e-5), first.id


def test_a_constant_model(linear, make_question, mixed_rows, answered, gradient_times_change) -> None:
    question = make_question(linear([0.0] * 5), mixed_rows(12, 8), mixed_rows(6, 9))
    found = run_checks([answered("gradient", gradient_times_change, question)], question, split="test", labels=[None])
    assert one(found, "deletion_gain").value == 0
    assert one(found, "deletion_beats_random").value == 0.5
    assert one(found, "relative_infidelity", scaled=False).undefined == "replacing features changes no score"
    assert one(found, "max_sensitivity").undefined == "no explained row has an attribution"
    stability = one(found, "stability", under="another seed", statistic="rank_correlation")
    assert stability.undefined == "in every row one of the explanations ranks all features equal"


def test_one_row_one_feature_one_background_row(linear, make_question, answered, gradient_times_change) -> None:
    question = make_question(linear([2.0]), torch.tensor([[3.0]]), torch.tensor([[1.0]]), widths={"age": 1})
    found = run_checks([answered("gradient", gradient_times_change, question)], question, split="test", labels=[None])
    gain = one(found, "deletion_gain")
    assert (gain.value, gain.low, gain.n) == (pytest.approx(0), None, 1)
    assert one(found, "relative_infidelity", scaled=False).value == pytest.approx(0)
    halves = one(found, "stability", under="half of the background", statistic="rank_correlation")
    assert halves.undefined == "the background has a single row"
    for number, figure in enumerate(found.figures):
        assert "svg" in draw(figure, number)


def test_a_model_without_weights_is_not_randomised(make_question, mixed_rows, answered) -> None:
    class Sum(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum(dim=1)

    question = make_question(Sum(), mixed_rows(10, 10), mixed_rows(5, 11))
    found = run_checks([answered("ignoring", ignoring, question)], question, split="test", labels=[None])
    assert not [m for m in found.measurements if m.name == "similarity_when_randomised"]
    assert "The model has no layer with weights that could be randomised." in found.notes


def test_no_row_of_the_data_is_told(network, make_question, mixed_rows, answered, gradient_times_change) -> None:
    rows = mixed_rows(30, 12)
    rows[3, 0] = 12345.678
    question = make_question(network, rows, mixed_rows(10, 13))
    found = run_checks([answered("ignoring", ignoring, question)], question, split="test", labels=[None])
    assert "12345.6" not in repr(found)


def test_texts_have_no_neighbours(make_question, answered) -> None:
    """Tokens are whole numbers: they are replaced by those of background rows, but cannot move a little."""

    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(20, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.embed(x).sum(dim=1)

    torch.manual_seed(0)
    bag, generator = Bag(), torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 20, (15, 4), generator=generator)
    question = make_question(bag, tokens, tokens[:6], owner=None)

    def exact(asked):
        worth = asked.model.module.embed.weight.detach()[:, 0].double()
        return (worth[asked.rows] - worth[asked.background].mean(dim=0)).numpy()[:, :, None]

    found = run_checks([answered("exact", exact, question)], question, split="test", labels=[None])
    assert one(found, "relative_infidelity", scaled=False).value == pytest.approx(0, abs=1e-9)
    assert one(found, "max_sensitivity").undefined == "no input is a number that can move slightly"


def test_nothing_explained_is_nothing_checked(question) -> None:
    assert run_checks([], question, split="test", labels=[None]).measurements == ()
