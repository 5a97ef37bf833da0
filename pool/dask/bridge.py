"""The bridge between a Colonnade server and a Dask cluster."""
