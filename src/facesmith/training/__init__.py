"""Training of classifiers and detectors; needs the `train` extra (PyTorch)."""
