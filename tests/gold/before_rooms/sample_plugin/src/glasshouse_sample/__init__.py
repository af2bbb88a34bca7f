"""A plugin for glasshouse to copy."""
