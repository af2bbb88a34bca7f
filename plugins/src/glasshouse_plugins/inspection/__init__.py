"""`glasshouse inspect FILE`: what is in a table, and a first run.yaml."""
