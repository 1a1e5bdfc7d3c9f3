"""How good is it: figures and pictures for classifiers and detectors."""
