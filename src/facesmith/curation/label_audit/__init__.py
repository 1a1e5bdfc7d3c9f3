"""Finding the errors of annotations by where a detector disagrees: `facesmith audit`."""
