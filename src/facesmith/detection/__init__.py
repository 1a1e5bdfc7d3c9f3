"""Finding faces: a photo in, `Faces` out. Needs the base install only.

`load_detector` gives a detector for one image; `detect_photos` takes many photos, and
`facesmith.detection.processes` shares them out to several processes. Nothing here imports what
lies above: no training, no evaluation, no command.
"""
