"""The audits of glasshouse: one room for each kind, with a thin `audit.py` and modules of pure functions."""
