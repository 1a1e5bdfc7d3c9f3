"""Patches for the classifier: cutting, choosing, splitting, keeping them in a file."""
