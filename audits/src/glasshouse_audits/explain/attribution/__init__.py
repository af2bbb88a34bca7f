"""Attributions to pixels and to words: what speaks for each row's own prediction, in numbers and, if asked, drawn."""
