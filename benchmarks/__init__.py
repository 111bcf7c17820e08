"""Speed, measured beside the plain DuckDB script in one run."""
