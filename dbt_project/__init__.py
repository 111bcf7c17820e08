"""From raw extracts to the board tables: dbt on DuckDB, one fresh database file a build."""
