"""One annotator's boxes drawn anew in the way of another."""
