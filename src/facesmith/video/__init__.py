"""Films and cameras in, faces with tracks out. Reading needs the extra `video` (PyAV).

Example:
    from facesmith import load_detector
    from facesmith.video import LookConfig, TrackConfig, detect_frames, open_video, track

    detector = load_detector()
    tracking = TrackConfig.of_detector(detector)
    with open_video("clip.mp4") as video:
        found = detect_frames(video.frames(), detector, LookConfig(tracking.lowest))
        for frame in track(found, tracking):
            print(frame.time, frame.tracks, frame.faces.boxes)
"""

from facesmith.video.camera import Camera, is_camera
from facesmith.video.config import TrackConfig
from facesmith.video.detecting import LookConfig, detect_frames
from facesmith.video.forward import LiveTracker
from facesmith.video.frames import VideoFrame
from facesmith.video.opening import is_animation, is_film, open_video
from facesmith.video.reading import Video
from facesmith.video.results import FrameFaces, Track, collect_tracks
from facesmith.video.tracking import track
from facesmith.video.writing import VideoWriter

__all__ = [
    "Camera",
    "FrameFaces",
    "LiveTracker",
    "LookConfig",
    "Track",
    "TrackConfig",
    "Video",
    "VideoFrame",
    "VideoWriter",
    "collect_tracks",
    "detect_frames",
    "is_animation",
    "is_camera",
    "is_film",
    "open_video",
    "track",
]
