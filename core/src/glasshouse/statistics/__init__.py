"""Statistics of group rates, scores and errors, with NumPy and SciPy as the only dependencies.

The starting point is a count table (`count`), which can be merged; rates, gaps, intervals, bootstrap and permutation
tests are computed from it. Undefined is never zero: arrays contain NaN, `Estimate` and `Interval` None with the reason.
"""

from glasshouse.statistics.counts.clusters import ClusteredCounts, UnitCounts, count_clusters, count_units, only_groups
from glasshouse.statistics.counts.gaps import GAPS, Gap, GapKind, difference, gap, impact_ratios, ratio
from glasshouse.statistics.counts.group_rates import group_rates
from glasshouse.statistics.counts.inequality import Entropy, differential_fairness, generalized_entropy, theil_index
from glasshouse.statistics.counts.pairwise import (
    Pairwise,
    PairwiseDifference,
    bootstrap_pairwise_differences,
    group_pairwise_differences,
    group_pairwise_ratios,
    pairs,
    pairwise_differences,
    pairwise_p_values,
)
from glasshouse.statistics.counts.permutation import (
    PermutationTest,
    permutation_gap_test,
    permutation_test,
    weighted_gap_test,
)
from glasshouse.statistics.counts.rates import RATES, Confusion, Rate, confusion, effective_counts, rate
from glasshouse.statistics.counts.reference import compared_with
from glasshouse.statistics.counts.resampling import MOST_EXCLUDED, Bootstrap, bootstrap, gamma_bootstrap
from glasshouse.statistics.counts.simultaneous import gap_interval, impact_ratio_intervals
from glasshouse.statistics.counts.table import MISSING, Attribute, GroupColumn, GroupCounts, count, marginal_groups
from glasshouse.statistics.intervals.estimates import Estimate, Interval, Intervals
from glasshouse.statistics.intervals.means import mean, normal_interval, t_interval
from glasshouse.statistics.intervals.melded import melded
from glasshouse.statistics.intervals.multiplicity import benjamini_hochberg, holm
from glasshouse.statistics.intervals.power import detectable_gap, rows_needed
from glasshouse.statistics.intervals.proportions import clopper_pearson, wilson
from glasshouse.statistics.intervals.two_proportions import katz, koopman, miettinen_nurminen, newcombe, score_test
from glasshouse.statistics.numbers.regression import mean_absolute_error, mean_error, r2_score, root_mean_squared_error
from glasshouse.statistics.numbers.sums import GroupSums, group_sums
from glasshouse.statistics.scores.bin_numbers import SHIFT as BIN_SHIFT
from glasshouse.statistics.scores.calibration import (
    ReliabilityCurve,
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_curve,
)
from glasshouse.statistics.scores.calibration_deviations import binned_deviations, clustered_deviations
from glasshouse.statistics.scores.calibration_error import (
    calibration_error_interval,
    calibration_p_value,
    normal_calibration_p_value,
    resampled_calibration_error,
    squared_calibration_error,
)
from glasshouse.statistics.scores.clustered_scores import clustered_mean, clustered_roc_auc, linearized_error
from glasshouse.statistics.scores.histogram_rows import score_histogram
from glasshouse.statistics.scores.histograms import CERTIFICATE, ScoreBins, ScoreHistogram
from glasshouse.statistics.scores.ranking import Exposure, exposure_at_k
from glasshouse.statistics.scores.recalibration import Recalibration, logistic_recalibration
from glasshouse.statistics.scores.roc import OperatingPoint, RocCurve, operating_point, roc_auc, roc_curve, tpr_at_fpr
from glasshouse.statistics.tables import PredictionTables, tabulate

__all__ = [
    "BIN_SHIFT",
    "CERTIFICATE",
    "GAPS",
    "MISSING",
    "MOST_EXCLUDED",
    "RATES",
    "Attribute",
    "Bootstrap",
    "ClusteredCounts",
    "Confusion",
    "Entropy",
    "Estimate",
    "Exposure",
    "Gap",
    "GapKind",
    "GroupColumn",
    "GroupCounts",
    "GroupSums",
    "Interval",
    "Intervals",
    "OperatingPoint",
    "Pairwise",
    "PairwiseDifference",
    "PermutationTest",
    "PredictionTables",
    "Rate",
    "Recalibration",
    "ReliabilityCurve",
    "RocCurve",
    "ScoreBins",
    "ScoreHistogram",
    "UnitCounts",
    "benjamini_hochberg",
    "binned_deviations",
    "bootstrap",
    "bootstrap_pairwise_differences",
    "brier_score",
    "calibration_error_interval",
    "calibration_p_value",
    "clopper_pearson",
    "clustered_deviations",
    "clustered_mean",
    "clustered_roc_auc",
    "compared_with",
    "confusion",
    "count",
    "count_clusters",
    "count_units",
    "detectable_gap",
    "difference",
    "differential_fairness",
    "effective_counts",
    "expected_calibration_error",
    "exposure_at_k",
    "gamma_bootstrap",
    "gap",
    "gap_interval",
    "generalized_entropy",
    "group_pairwise_differences",
    "group_pairwise_ratios",
    "group_rates",
    "group_sums",
    "holm",
    "impact_ratio_intervals",
    "impact_ratios",
    "katz",
    "koopman",
    "linearized_error",
    "log_loss",
    "logistic_recalibration",
    "marginal_groups",
    "mean",
    "mean_absolute_error",
    "mean_error",
    "melded",
    "miettinen_nurminen",
    "newcombe",
    "normal_calibration_p_value",
    "normal_interval",
    "only_groups",
    "operating_point",
    "pairs",
    "pairwise_differences",
    "pairwise_p_values",
    "permutation_gap_test",
    "permutation_test",
    "r2_score",
    "rate",
    "ratio",
    "reliability_curve",
    "resampled_calibration_error",
    "roc_auc",
    "roc_curve",
    "root_mean_squared_error",
    "rows_needed",
    "score_histogram",
    "score_test",
    "squared_calibration_error",
    "t_interval",
    "tabulate",
    "theil_index",
    "tpr_at_fpr",
    "weighted_gap_test",
    "wilson",
]
