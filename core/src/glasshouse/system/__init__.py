"""Services around the operating system and libraries: atomic files, processes, random state, redaction, time limits."""
