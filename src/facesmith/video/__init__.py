"""Films and cameras in, faces with tracks out. Reading needs the extra `video` (PyAV)."""
