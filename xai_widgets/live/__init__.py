"""Keeping a picture up to date. Knows no method by name: it runs anything that is an iterator of Steps."""
