"""Covers the faces of a film frame by frame with YuNet: what a script of 40 lines does.

    python benchmarks/cover_with_yunet.py yunet_n.onnx in.mp4 out.mp4 '#00ff00'

Needs opencv-python below 5 and PyAV, and nothing of facesmith: it stands for those who write one of
their own. Boxes grow as those of `facesmith anonymise`; faces count from OpenCV's default
score of 0.9 on, or from the one given last.
"""

from __future__ import annotations

import sys
from typing import Any

import av
import cv2

QUALITY = "20"  # as `facesmith anonymise` encodes
MARGIN = 0.2  # of the longer side, on each side; as `facesmith anonymise` has it


def main(weights: str, given: str, out: str, colour: str, threshold: str = "0.9") -> None:
    bgr = tuple(int(colour[i : i + 2], 16) for i in (5, 3, 1))
    cv2.setNumThreads(1)
    with av.open(given) as source, av.open(out, "w") as target:
        video = source.streams.video[0]
        size_wh = video.codec_context.width, video.codec_context.height
        detector = cv2.FaceDetectorYN.create(weights, "", size_wh, float(threshold))
        stream: Any = target.add_stream("libx264", rate=video.average_rate)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        stream.options = {"crf": QUALITY, "preset": "veryfast"}
        stream.codec_context.time_base = video.time_base
        for frame in source.decode(video):
            image = frame.to_ndarray(format="bgr24")
            found = detector.detect(image)[1]
            for face in [] if found is None else found:
                x, y, width, height = face[:4]
                more = MARGIN * max(width, height)
                begin = round(x - more), round(y - more)
                end = round(x + width + more), round(y + height + more)
                cv2.rectangle(image, begin, end, bgr, -1)
            covered = av.VideoFrame.from_ndarray(image, format="bgr24")
            covered.pts, covered.time_base = frame.pts, frame.time_base
            target.mux(stream.encode(covered))
        target.mux(stream.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
