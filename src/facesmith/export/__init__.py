"""Weights files: from a PyTorch module to ONNX, 8 bits, and the metadata inside."""
