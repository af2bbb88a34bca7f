"""The subgroups in which a model performs worst."""
