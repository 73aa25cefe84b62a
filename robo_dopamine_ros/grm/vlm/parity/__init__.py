"""Parity of two ways to run a model (engine, precision): whether their answers are the same."""
