"""Offline HTML pages, drawn from JSON."""
