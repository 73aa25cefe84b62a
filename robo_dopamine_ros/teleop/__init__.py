"""Device readings become commands of a person."""
