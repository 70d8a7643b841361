"""Blocks used by more than one architecture."""
