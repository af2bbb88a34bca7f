"""Intervals of a rate, a mean, or two of them, and corrections for many."""
