"""Audits of models that generate: how their examples compare with held-out ones, and with those they learned from."""
