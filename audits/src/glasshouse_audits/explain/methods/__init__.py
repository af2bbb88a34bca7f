"""Explainers: our own, and those of the SHAP and Captum libraries; each is a class with `explain(question)`."""
