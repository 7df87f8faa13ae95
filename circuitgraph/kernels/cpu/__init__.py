"""Compiled loops for CPUs: numba turns them into machine code at first use and keeps it on disk."""
