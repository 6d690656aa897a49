"""Sweeps: from a command line to jobs, what they will cost, their launch, their ends."""
