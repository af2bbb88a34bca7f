"""The audits of glasshouse; each folder is one audit: a thin `audit.py` beside pure modules."""
