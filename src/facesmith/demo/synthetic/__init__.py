"""Faces, and what is none, drawn by rules alone: patches without a single photo."""
