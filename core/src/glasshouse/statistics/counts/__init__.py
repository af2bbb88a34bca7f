"""Group counts and what follows from them: rates, gaps, their intervals and tests."""
