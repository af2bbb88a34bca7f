"""Audits of generative models: generated samples compared with held-out rows and with training rows."""
