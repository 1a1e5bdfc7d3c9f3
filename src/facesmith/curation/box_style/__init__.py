"""One annotator's boxes redrawn in the box style of another."""
