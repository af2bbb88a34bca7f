"""Group fairness: rates, scores and errors by group, and the gaps between groups."""
