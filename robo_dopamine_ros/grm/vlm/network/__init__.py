"""The network of a vision-language GRM as torch modules that can be exported to ONNX."""
