"""What tests of several rooms share; importable as `helpers`, since pytest.ini puts `tests` on the path."""
