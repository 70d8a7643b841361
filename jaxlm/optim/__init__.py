"""Optimizers as optax chains."""
