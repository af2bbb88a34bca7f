"""The conformance kit itself: checks, subjects, and how they become tests."""
