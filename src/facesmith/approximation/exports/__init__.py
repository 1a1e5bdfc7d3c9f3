"""A fitted function as ONNX, Python or C."""
