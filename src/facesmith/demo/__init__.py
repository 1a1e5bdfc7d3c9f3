"""Everything once, on data that comes along or is drawn: `facesmith demo`."""
