"""Which tests `pytest -m fast` runs: a first answer within a minute on two cores, from every room.

All but those named here. A file belongs here once it takes more than about two seconds: it trains more than a toy,
starts processes that import torch, or repeats an experiment many times. The full suite runs everything.
"""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

LEFT_OUT = (
    "audits/attribution/test_image_attribution.py",
    "audits/explain/test_explain_shap_library.py",
    "audits/explainers/test_against_libraries.py",
    "audits/explainers/test_asking.py",
    "audits/explainers/test_every_explainer.py",
    "audits/fairness/test_fairness_audit.py",
    "audits/fairness/test_fairness_clusters.py",
    "audits/fairness/test_fairness_parts.py",
    "audits/fairness/test_subgroups_weights_and_permutation.py",
    "audits/shapley",
    "audits/test_audit_conformance.py",
    "audits/test_declared_audits.py",
    "browser",
    "compat/test_old_names.py",
    "compat/test_old_runs.py",
    "contract/test_architecture.py",
    "contract/test_formats.py",
    "contract/test_imports.py",
    "contract/test_plugins_page.py",
    "contract/test_python_page.py",
    "contract/test_sample_plugin.py",
    "core/api/test_api.py",
    "core/api/test_audit_existing.py",
    "core/api/test_callback.py",
    "core/api/test_callback_in_two_processes.py",
    "core/cli/scaffold/test_scaffold_results.py",
    "core/cli/test_audits_of_a_run.py",
    "core/cli/test_doctor.py",
    "core/cli/test_given_checkpoints.py",
    "core/cli/test_lock_command.py",
    "core/cli/test_output.py",
    "core/cli/test_plugins_that_moved_on.py",
    "core/cli/test_runs_and_report.py",
    "core/config/test_allowed_packages.py",
    "core/config/test_choosing_components.py",
    "core/config/test_early_refusals.py",
    "core/config/test_one_configuration.py",
    "core/config/test_refusals.py",
    "core/config/test_refused_data.py",
    "core/evidence/test_memory_of_evidence.py",
    "core/evidence/test_model_outputs.py",
    "core/external_data/test_strangers_in_a_run.py",
    "core/external_data/test_strangers_steps.py",
    "core/frames/test_clusters_from_files.py",
    "core/frames/test_engines.py",
    "core/frames/test_odd_types.py",
    "core/frames/test_prediction_files.py",
    "core/frames/test_values_as_written.py",
    "core/pipeline/interruption",
    "core/pipeline/test_existing_predictions.py",
    "core/pipeline/test_two_processes.py",
    "core/run_folder/test_mirror.py",
    "core/run_folder/test_runs_elsewhere.py",
    "core/statistics/test_statistics_stand_alone.py",
    "core/system/test_distributed.py",
    "core/system/test_process_state.py",
    "core/testing/conformance/test_conformance_core.py",
    "core/testing/conformance/test_conformance_models.py",
    "core/testing/conformance/test_plugins_check.py",
    "core/testing/pytest_plugin/test_audits_as_tests.py",
    "core/testing/pytest_plugin/test_fixtures.py",
    "core/testing/test_report_format_kit.py",
    "core/training/test_model_building.py",
    "core/training/test_standardized_regression.py",
    "examples",
    "loggers",
    "plugins/catalogue",
    "plugins/techniques/test_compile.py",
    "plugins/test_catalogue_conformance.py",
    "plugins/test_data_openml.py",
    "plugins/test_generative_models.py",
    "plugins/test_optimizers.py",
    "sample_plugin",
    "wheels",
    "xla",
)
"""Files and folders below tests/."""


def is_fast(path: Path) -> bool:
    """Whether a file of tests gives its answer at once."""
    place = path.relative_to(TESTS)
    return not {place.as_posix(), *(parent.as_posix() for parent in place.parents)} & set(LEFT_OUT)
