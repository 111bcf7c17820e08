"""The few words every step shares. Nothing here imports a step, but for cli.py inside its commands."""
