"""A glasshouse plugin: monotone networks, and an audit of monotonicity."""
