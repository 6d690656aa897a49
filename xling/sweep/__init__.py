"""Sweeps: from a command line to jobs, their plan and cost, their launch and their records."""
