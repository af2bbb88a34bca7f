"""The words of the command line that are no training: one module each, with ``main(argv) -> exit code``."""
