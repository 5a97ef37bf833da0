"""What runs on Dask workers (see bridge.py)."""
