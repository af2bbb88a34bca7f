"""Which features move a model's output, which way and for whom, and whether explanations can be trusted."""
