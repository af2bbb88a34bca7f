"""Explainers: ours, and those of the SHAP and Captum libraries, each a class with `explain(question)`."""
