"""Great Expectations at two doors: is this the extract we were promised, and would we sign this table?

Importing this package imports no engine: the doors import Great Expectations when they are called, and once.
"""
