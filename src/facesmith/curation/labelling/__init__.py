"""Labels for photos without any annotation, from what detectors find: `facesmith label`."""
