"""The command `python -m xling.status`: the state of sweeps."""
