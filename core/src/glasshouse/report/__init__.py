"""Reports, from a record alone: page data, figures, and one small renderer per format."""
