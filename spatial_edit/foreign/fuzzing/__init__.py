"""Fuzzing: damaged files by the thousand through the reader and the converters."""
