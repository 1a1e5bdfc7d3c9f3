"""One annotator's boxes brought to the box style of another."""
