"""Audit of language models: perplexity, and copying of training texts."""
