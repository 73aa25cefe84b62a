"""Compiled checkpoints: ONNX graphs in 32, 16 or 8 bits, and the engine that runs them."""
