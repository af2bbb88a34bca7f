"""Explanations: attributions to features, pixels and words, and checks of their quality."""
