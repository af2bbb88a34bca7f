"""How a model treats groups of people: rates by group and intersection, and the gaps between groups."""
