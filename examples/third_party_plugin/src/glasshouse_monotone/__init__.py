"""For glasshouse: networks that keep to promised directions, and an audit of whether a model does."""
