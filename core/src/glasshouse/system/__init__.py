"""What glasshouse needs of the operating system and of libraries: files, processes, random state, time limits."""
