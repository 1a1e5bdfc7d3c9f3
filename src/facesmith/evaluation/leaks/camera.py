"""The virtual camera: where it looks at each time, and where faces are then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.evaluation.leaks.scenes import Scene

FloatArray = npt.NDArray[np.float64]
SHUTTER = 0.5  # of the time between frames: how long each frame is exposed
_VIEWS = 4  # whose average is a frame of a moving camera
_STILL = 0.4  # pixels; a camera that moves less during the exposure is not blurred
_ZOOMS = (0.5, 0.92)  # width of the view as a part of the widest that fits
_MOST_TURN = 20.0  # degrees
_SLOWEST, _FASTEST = 15.0, 900.0  # of pans, pixels of the frame a second
_SHAKES = (1.5, 7.0)  # hertz
_MOST_SHAKE = 12.0  # pixels of the frame


@dataclass(frozen=True)
class Pose:
    """What the camera looks at.

    Attributes:
        x: Of the middle of the view, pixels of the scene.
        y: The same.
        zoom: Pixels of the scene a pixel of the frame.
        angle: By which the view is turned, radians.
    """

    x: float
    y: float
    zoom: float
    angle: float

    def boxes(self, boxes: npt.NDArray[np.floating], size_wh: tuple[int, int]) -> FloatArray:
        """Boxes of the scene in the frame: around their turned ellipses, float64 `(n, 4)`.

        The box around four turned corners would be larger than the face. Boxes may leave the frame.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2 - [self.x, self.y]
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        back = np.array([[cos, sin], [-sin, cos]])  # from the scene to the frame
        placed = centres @ back.T / self.zoom + np.array(size_wh) / 2
        around = np.sqrt((half**2) @ (back**2).T) / self.zoom
        return np.concatenate([placed - around, placed + around], axis=1)

    def view(self, scene: Scene, size_wh: tuple[int, int]) -> Image.Image:
        """What the camera sees, RGB."""
        cos, sin = self.zoom * np.cos(self.angle), self.zoom * np.sin(self.angle)
        x, y = size_wh[0] / 2, size_wh[1] / 2
        matrix = (cos, -sin, self.x - cos * x + sin * y, sin, cos, self.y - sin * x - cos * y)
        return scene.image.transform(
            size_wh, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )


class CameraPath:
    """A move over a scene: pan, zoom, turn and shake, drawn at random.

    Args:
        scene: What it moves over.
        size_wh: Width and height of the frames.
        seconds: How long it takes.
        rng: What draws it.
    """

    def __init__(
        self, scene: Scene, size_wh: tuple[int, int], seconds: float, rng: np.random.Generator
    ) -> None:
        self._size_wh, self._seconds = size_wh, seconds
        self._scene_wh = scene.image.size
        turns = np.clip(rng.normal(0, 6, 2) * (rng.random() < 0.5), -_MOST_TURN, _MOST_TURN)
        self._angles = np.radians(
            turns + np.array([0, rng.uniform(-10, 10) * (rng.random() < 0.4)])
        )
        widest = self._widest(float(np.abs(self._angles).max()) + np.radians(1))
        share = rng.uniform(*_ZOOMS)
        growth = rng.uniform(-0.5, 0.5) * (rng.random() < 0.6)
        shares = np.clip([share, share * np.exp(growth)], _ZOOMS[0] * 0.8, 1.0)
        self._zooms = widest * shares
        self._places = self._ends(scene, rng)
        self._eased = rng.random() < 0.6
        strength = rng.uniform(0, _MOST_SHAKE) * (rng.random() < 0.6)
        self._shake = strength * rng.uniform(0.2, 1, (3, 2)) / 2
        self._hertz, self._phases = rng.uniform(*_SHAKES, (3, 2)), rng.uniform(0, 2 * np.pi, (3, 2))

    def at(self, time: float) -> Pose:
        """The pose so many seconds after the beginning."""
        part = min(max(time / self._seconds, 0.0), 1.0)
        way = part * part * (3 - 2 * part) if self._eased else part
        zoom = float(self._zooms[0] ** (1 - part) * self._zooms[1] ** part)
        angle = float(self._angles[0] + way * (self._angles[1] - self._angles[0]))
        shake = (self._shake * np.sin(2 * np.pi * self._hertz * time + self._phases)).sum(axis=0)
        place = self._places[0] + way * (self._places[1] - self._places[0]) + zoom * shake
        half = zoom * _half_extents(self._size_wh, angle)
        x, y = np.clip(place, half, np.maximum(np.array(self._scene_wh) - half, half))
        return Pose(float(x), float(y), zoom, angle)

    def frame(self, scene: Scene, time: float, interval: float) -> Image.Image:
        """A frame, blurred by what the camera moves while it is exposed, RGB.

        Args:
            scene: The scene.
            time: Of the middle of the exposure.
            interval: Seconds between frames.
        """
        times = time + SHUTTER * interval * (np.arange(_VIEWS) - (_VIEWS - 1) / 2) / _VIEWS
        poses = [self.at(float(each)) for each in times]
        corners = [
            pose.boxes(np.array([[0.0, 0.0, *self._scene_wh]]), self._size_wh) for pose in poses
        ]
        if np.abs(corners[0] - corners[-1]).max() < _STILL:
            return self.at(time).view(scene, self._size_wh)
        total = np.zeros((self._size_wh[1], self._size_wh[0], 3), np.uint16)
        for pose in poses:
            total += np.asarray(pose.view(scene, self._size_wh))
        return Image.fromarray(((total + _VIEWS // 2) // _VIEWS).astype(np.uint8))

    def _widest(self, angle: float) -> float:
        """The largest zoom at which the turned view lies within the scene."""
        return float((np.array(self._scene_wh) / 2 / _half_extents(self._size_wh, angle)).min())

    def _ends(self, scene: Scene, rng: np.random.Generator) -> FloatArray:
        """Where a pan begins, near a face, and where it ends, towards another; `(2, 2)`."""
        boxes = scene.boxes[scene.counts] if scene.counts.any() else scene.boxes
        centres = (boxes[:, :2] + boxes[:, 2:]).astype(np.float64) / 2
        if not len(centres):
            centres = np.array([self._scene_wh], np.float64) / 2
        first, other = centres[rng.integers(len(centres))], centres[rng.integers(len(centres))]
        view = self._zooms[0] * np.array(self._size_wh)
        begin = first + rng.uniform(-0.4, 0.4, 2) * view
        way = other - begin
        speed = np.exp(rng.uniform(np.log(_SLOWEST), np.log(_FASTEST))) * self._zooms.mean()
        length = speed * self._seconds
        return np.stack([begin, begin + way / max(np.hypot(*way), 1e-6) * length])


def _half_extents(size_wh: tuple[int, int], angle: float) -> FloatArray:
    """Half of width and height of what is seen at a zoom of 1, pixels of the scene."""
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    width, height = size_wh
    return np.array([width * cos + height * sin, width * sin + height * cos]) / 2
