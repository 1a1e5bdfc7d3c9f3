"""Faces covered in photos and films, and the result looked at again.

It supports anonymisation; whether a person can still be told from clothes, place or voice is for
people to judge.

Example:
    from facesmith import anonymise, load_detector, read_image
    from facesmith.images import write_image

    detector = load_detector()
    image = read_image("street.jpg")
    write_image("covered.jpg", anonymise(image, detector(image, min_score=detector.find_all_score)))
"""

from facesmith.anonymisation.config import FILLS, MOST_CELLS, SHAPES, CoverConfig
from facesmith.anonymisation.covering import anonymise

__all__ = ["FILLS", "MOST_CELLS", "SHAPES", "CoverConfig", "anonymise"]
