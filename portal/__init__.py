"""The page of the releases, inside Airflow and behind its sign-in."""
