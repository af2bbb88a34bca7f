"""How a model's output depends on its features over the whole data: importance, effects, interactions, a stand-in."""
