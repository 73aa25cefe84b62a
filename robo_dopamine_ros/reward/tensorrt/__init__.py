"""Graphs on a GPU through TensorRT: built on the machine that runs them, at their first start."""
