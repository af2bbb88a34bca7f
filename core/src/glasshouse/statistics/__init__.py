"""Statistics of group rates, scores and errors: pure NumPy and SciPy, importable without anything else.

Start from a count table (`count`), which merges; rates, gaps, intervals, bootstrap and permutation are arithmetic on
it. Undefined is never zero: arrays hold NaN, and `Estimate` and `Interval` hold None with the reason.
"""

from glasshouse.statistics.calibration import (
    ReliabilityCurve,
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_curve,
)
from glasshouse.statistics.counts import MISSING, Attribute, GroupColumn, GroupCounts, count
from glasshouse.statistics.estimates import Estimate, Interval, Intervals
from glasshouse.statistics.gaps import GAPS, Gap, difference, gap, impact_ratios, ratio
from glasshouse.statistics.intervals import clopper_pearson, newcombe, normal_interval, t_interval, wilson
from glasshouse.statistics.means import mean
from glasshouse.statistics.multiple import benjamini_hochberg, holm
from glasshouse.statistics.pairwise import (
    PairwiseDifference,
    bootstrap_pairwise_differences,
    group_pairwise_differences,
    pairs,
    pairwise_differences,
)
from glasshouse.statistics.permutation import PermutationTest, permutation_gap_test, permutation_test
from glasshouse.statistics.rates import RATES, Confusion, Rate, confusion, group_rates, rate
from glasshouse.statistics.regression import mean_absolute_error, mean_error, r2_score, root_mean_squared_error
from glasshouse.statistics.resampling import MOST_EXCLUDED, Bootstrap, bootstrap
from glasshouse.statistics.roc import OperatingPoint, RocCurve, operating_point, roc_auc, roc_curve, tpr_at_fpr
from glasshouse.statistics.units import UnitCounts, count_units

__all__ = [
    "GAPS",
    "MISSING",
    "MOST_EXCLUDED",
    "RATES",
    "Attribute",
    "Bootstrap",
    "Confusion",
    "Estimate",
    "Gap",
    "GroupColumn",
    "GroupCounts",
    "Interval",
    "Intervals",
    "OperatingPoint",
    "PairwiseDifference",
    "PermutationTest",
    "Rate",
    "ReliabilityCurve",
    "RocCurve",
    "UnitCounts",
    "benjamini_hochberg",
    "bootstrap",
    "bootstrap_pairwise_differences",
    "brier_score",
    "clopper_pearson",
    "confusion",
    "count",
    "count_units",
    "difference",
    "expected_calibration_error",
    "gap",
    "group_pairwise_differences",
    "group_rates",
    "holm",
    "impact_ratios",
    "log_loss",
    "mean",
    "mean_absolute_error",
    "mean_error",
    "newcombe",
    "normal_interval",
    "operating_point",
    "pairs",
    "pairwise_differences",
    "permutation_gap_test",
    "permutation_test",
    "r2_score",
    "rate",
    "ratio",
    "reliability_curve",
    "roc_auc",
    "roc_curve",
    "root_mean_squared_error",
    "t_interval",
    "tpr_at_fpr",
    "wilson",
]
