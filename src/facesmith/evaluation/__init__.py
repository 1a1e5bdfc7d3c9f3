"""Protocols, reports and other face detectors: how good a detector or a classifier is.

These rules hold in all reports, in training and calibration, unless an option says otherwise.
"""

IOU_THRESHOLDS = (0.5, 0.4)  # of `benchmark coco` and `compare`, with figures for each
MATCH_IOU = 0.4  # a box that overlaps a face at least this much has found it
MIN_FACE_HEIGHT = 16.0  # pixels; lower faces are ignored
MIN_SCORE = 0.001  # curves begin with boxes of this score, far below any useful threshold
