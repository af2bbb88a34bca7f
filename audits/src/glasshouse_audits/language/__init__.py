"""Audits of language models: how well they foretell words, and whether they copy."""
