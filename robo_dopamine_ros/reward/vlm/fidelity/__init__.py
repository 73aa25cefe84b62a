"""Whether one way of running a model says the same as another."""
