"""Checks of explanations: faithfulness, stability, agreement of methods, randomised weights, sampling error."""
