"""One module for each command that does not train."""
