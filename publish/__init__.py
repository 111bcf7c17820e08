"""Candidate to release: prepare, approve, publish, verify. What checks a candidate lives elsewhere (expectations/)."""
