"""The virtual camera: where it looks at each time, and where faces are then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from facesmith.evaluation.leaks.scenes import Scene

FloatArray = npt.NDArray[np.float64]
SHUTTER = 0.5  # of the time between frames: how long each frame is exposed
_MOST_VIEWS = 10  # whose average is a frame of a moving camera
_STEP = 2.0  # pixels between two of them, about
_STILL = 0.4  # pixels; a camera that moves less during the exposure is not blurred
_ZOOMS = (0.5, 0.92)  # width of the view as a part of the widest that fits
_MOST_TURN = 20.0  # degrees
_SLOWEST, _FASTEST = 0.012, 0.7  # of pans, widths of the frame a second
_SHAKES = (1.5, 7.0)  # hertz
_MOST_SHAKE = 0.01  # widths of the frame


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
        self._whole = np.array([[0.0, 0.0, *self._scene_wh]])
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
        strength = size_wh[0] * rng.uniform(0, _MOST_SHAKE) * (rng.random() < 0.6)
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
        x, y = self._within(place, zoom, angle)
        return Pose(float(x), float(y), zoom, angle)

    def frame(self, scene: Scene, time: float, interval: float) -> Image.Image:
        """A frame, blurred by what the camera moves while it is exposed, RGB.

        Args:
            scene: The scene.
            time: Of the middle of the exposure.
            interval: Seconds between frames.
        """
        exposed = SHUTTER * interval
        ends = [
            self.at(time + part * exposed).boxes(self._whole, self._size_wh) for part in (-0.5, 0.5)
        ]
        moved = float(np.abs(ends[1] - ends[0]).max())
        n_views = 1 if moved < _STILL else min(int(np.ceil(moved / _STEP)) + 1, _MOST_VIEWS)
        total = np.zeros((self._size_wh[1], self._size_wh[0], 3), np.uint16)
        for part in (np.arange(n_views) - (n_views - 1) / 2) / n_views:
            pose = self.at(time + float(part) * exposed)
            total += np.asarray(pose.view(scene, self._size_wh))
        return Image.fromarray(((total + n_views // 2) // n_views).astype(np.uint8))

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
        length = speed * self._size_wh[0] * self._seconds
        end = begin + way / max(np.hypot(*way), 1e-6) * length
        zooms, angles = self._zooms.tolist(), self._angles.tolist()
        return np.stack(
            [self._within(begin, zooms[0], angles[0]), self._within(end, zooms[1], angles[1])]
        )

    def _within(self, place: FloatArray, zoom: float, angle: float) -> FloatArray:
        """The place nearest to one around which the view lies within the scene."""
        half = zoom * _half_extents(self._size_wh, angle)
        return np.clip(place, half, np.maximum(np.array(self._scene_wh) - half, half))


def _half_extents(size_wh: tuple[int, int], angle: float) -> FloatArray:
    """Half of width and height of what is seen at a zoom of 1, pixels of the scene."""
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    width, height = size_wh
    return np.array([width * cos + height * sin, width * sin + height * cos]) / 2
