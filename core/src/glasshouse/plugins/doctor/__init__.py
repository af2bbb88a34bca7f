"""What is wrong with the installed plugins, and how to mend it."""
