"""Which features move a model's output: SHAP values and integrated gradients on encoded tables."""
