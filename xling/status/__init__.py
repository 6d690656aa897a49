"""`python -m xling.status`: how sweeps stand."""
