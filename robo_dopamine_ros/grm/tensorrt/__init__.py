"""TensorRT engines of ONNX graphs, built on the machine that runs them, at the first start."""
