"""Events: what starts each step through Airflow, who may answer its gate, and the launcher of a local Airflow."""
