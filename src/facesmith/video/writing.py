"""Films to files: frames at the times they had, sound and subtitles as they were."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from fractions import Fraction
from math import lcm
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facesmith.errors import VideoError
from facesmith.files import replacing
from facesmith.video.libav import import_av, reason
from facesmith.video.orientation import UPRIGHT, Orientation
from facesmith.video.reading import FilmFile

if TYPE_CHECKING:
    from facesmith.video.frames import VideoFrame
    from facesmith.video.reading import Video

# Suffix -> FFmpeg's name of the container, and its encoder.
_CONTAINERS = {
    ".m4v": ("mp4", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mp4": ("mp4", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
QUALITY = 20  # constant rate factor of H.264: 18 is hardly told from the original, 23 is usual
_VP9_QUALITY_ADDED = 11  # VP9's factor of the same quality is about so much higher
_OPTIONS = {
    # Two fifths less time than the preset alone, for a tenth more bytes at 0.4 dB less.
    "libx264": {"preset": "veryfast", "x264-params": "subme=1:b-adapt=0:partitions=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "b": "0"},
}
_MOST_UNITS = 2**31 - 1  # a second, in MP4
_SOUND = ("audio", "subtitle")
_BT601, _LIMITED = 5, 1  # swscale's and FFmpeg's numbers of a colour space and of 16..235


def check_video_name(path: str | Path) -> None:
    """Raise a `VideoError` unless the suffix is one of a film that can be written."""
    if Path(path).suffix.lower() not in _CONTAINERS:
        *some, last = sorted(_CONTAINERS)
        raise VideoError(
            f"{path} cannot be written: its name must end in {', '.join(some)} or {last}."
        )


class VideoWriter:
    """Writes a film; use it with `with`. The file takes its place at the end, whole.

    Frames keep their time stamps: exactly in MP4 and MOV, to the nearest millisecond in MKV and
    WebM, which store no finer ones. They are written in 8 bits, H.264 (in WebM VP9), stored as in
    the source with the same display matrix. Odd widths and heights get one more column or row, a
    copy of the last: the encoder needs even ones. Sound and subtitles are copied, packet by packet.

    Args:
        path: The file; its suffix says which kind.
        size_wh: Width and height of the upright frames, pixels.
        time_base: Unit of the frames' time stamps, seconds.
        rate: Frames a second, about; no time stamp is made from it.
        orientation: How the frames are stored.
        source: The film whose sound and subtitles are copied by `copy`.
        quality: Constant rate factor of H.264, 0 to 51; lower is better.
        copied: Kinds of streams that are copied: `"audio"`, `"subtitle"`.

    Raises:
        VideoError: If the kind of file is not known, or cannot hold a sound stream of the source.
        WriteError: If the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        size_wh: tuple[int, int],
        time_base: Fraction,
        *,
        rate: Fraction = Fraction(30),
        orientation: Orientation = UPRIGHT,
        source: Video | None = None,
        quality: int = QUALITY,
        copied: Collection[str] = _SOUND,
    ) -> None:
        check_video_name(path)
        self.path = Path(path)
        self._size_wh, self._time_base, self._rate = size_wh, time_base, rate
        self._orientation, self._source, self._quality = orientation, source, quality
        self._kinds = copied
        self._copied: dict[int, Any] = {}
        self._left_out: list[str] = []
        self._has_colour = False
        self._stack = ExitStack()

    def notes(self) -> list[str]:
        """What differs from the source beside the pictures, as sentences; known once it is open."""
        said = []
        if any(side % 2 for side in self._size_wh):
            width, height = self._size_wh
            said.append(
                f"{self.path} has {width + width % 2}x{height + height % 2} pixels instead of "
                f"{width}x{height}: the encoder needs even sides. What is added repeats the last "
                "column or row."
            )
        if self._left_out:
            said.append(f"{self.path} lacks streams of its source: {', '.join(self._left_out)}.")
        return said

    def __enter__(self) -> VideoWriter:
        av = import_av()
        container, encoder = _CONTAINERS[self.path.suffix.lower()]
        with ExitStack() as stack:
            self._file = stack.enter_context(replacing(self.path))
            self._out: Any = av.open(
                self._file,
                "w",
                format=container,
                container_options=self._container_options(container),
            )
            # Left before the file is renamed: closing writes the index.
            stack.push(self._close)
            self._stream: Any = self._out.add_stream(encoder, rate=self._rate)
            width, height = self._orientation.upright_size(*self._size_wh)  # of stored frames
            self._stream.width, self._stream.height = width + width % 2, height + height % 2
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = self._time_base
            self._stream.codec_context.time_base = self._time_base
            added = _VP9_QUALITY_ADDED if encoder == "libvpx-vp9" else 0
            self._stream.options = {"crf": str(self._quality + added), **_OPTIONS[encoder]}
            if self._orientation != UPRIGHT:
                self._stream.set_display_matrix(self._orientation.matrix)
            self._add_copied()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, frame: VideoFrame, image: npt.NDArray[np.uint8] | None = None) -> None:
        """Add a frame at its time.

        Args:
            frame: Where it stands, and in which colours.
            image: What is shown, upright, uint8 `(height, width, 3)`, BGR; `None`: the frame as it
                is.
        """
        av = import_av()
        raw = frame.raw
        if image is not None:
            stored = _even(self._orientation.stored(image))
            raw = av.VideoFrame.from_ndarray(stored, format="bgr24")
        elif raw.width % 2 or raw.height % 2:
            raw = av.VideoFrame.from_ndarray(_even(_pixels(raw)), format="bgr24")
        if not self._has_colour:
            self._take_colour(frame.raw)
        encoded = raw.reformat(
            width=self._stream.width,
            height=self._stream.height,
            format="yuv420p",
            dst_colorspace=_matrix(frame.raw),
            dst_color_range=_LIMITED,
            interpolation=_interpolation(),
            threads=1,
        )
        encoded.pts, encoded.time_base = frame.pts, frame.time_base
        encoded.pict_type = 0  # the encoder chooses its own key frames
        if frame.raw.duration:
            encoded.duration = frame.raw.duration
        self._mux(encoded)

    def copy(self, packet: Any) -> None:
        """Add a packet of sound or subtitles of the source as it is; others are left out."""
        stream = self._copied.get(packet.stream_index)
        if stream is not None and packet.dts is not None:
            packet.stream = stream
            self._out.mux(packet)

    def _mux(self, frame: Any) -> None:
        av = import_av()
        try:
            self._out.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise VideoError(f"{self.path} cannot be written: {reason(error)}.") from error

    def _container_options(self, container: str) -> dict[str, str]:
        """What keeps times exact.

        Sound may begin before 0; MP4 says in units of its own when each stream begins.
        """
        options = {"avoid_negative_ts": "disabled"}
        if container in ("mp4", "mov"):
            finest = self._time_base.denominator
            if isinstance(self._source, FilmFile):
                rates = [stream.rate for stream in self._source.container.streams.audio]
                finest = lcm(finest, *(rate for rate in rates if rate))
            if finest > _MOST_UNITS:
                finest = min(self._time_base.denominator, _MOST_UNITS)
            options["movie_timescale"] = str(finest)
        return options

    def _add_copied(self) -> None:
        if not isinstance(self._source, FilmFile):
            return
        known = self._out.supported_codecs
        for stream in self._source.container.streams:
            if stream.index == self._source.stream.index:
                continue
            context = stream.codec_context
            name = context.name if context is not None else "of an unknown kind"
            if stream.type not in self._kinds:
                self._left_out.append(f"{stream.type} ({name})")
            elif context is not None and {context.name, context.codec.canonical_name} & set(known):
                self._copied[stream.index] = self._out.add_stream_from_template(stream)
            elif stream.type != "audio":
                self._left_out.append(f"{stream.type} ({name})")
            else:
                raise VideoError(
                    f"{self.path} cannot hold the sound of {self._source.name} ({name}). Choose "
                    "another kind of file, such as .mkv."
                )

    def _take_colour(self, raw: Any) -> None:
        """Have the encoder tell players the source's colours, where the source does."""
        context = self._stream.codec_context
        context.color_primaries, context.color_trc = raw.color_primaries, raw.color_trc
        context.colorspace = _BT601 if raw.format.is_rgb else raw.colorspace
        context.color_range = _LIMITED
        self._has_colour = True

    def _close(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._mux(None)
        self._out.close()


def _interpolation() -> Any:
    """Without rounding shortcuts, which shift the brightness by 1.6 of 255 on average."""
    from av.video.reformatter import Interpolation  # noqa: PLC0415 - an extra

    return Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


def _matrix(raw: Any) -> int:
    """Swscale's number of the coefficients between RGB and the film's own colours."""
    if raw.format.is_rgb:
        return _BT601
    return {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}.get(int(raw.colorspace), _BT601)


def _pixels(raw: Any) -> npt.NDArray[np.uint8]:
    pixels: npt.NDArray[np.uint8] = raw.to_ndarray(format="bgr24")
    return pixels


def _even(stored: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The image with its last row and column repeated where there is an odd number of them."""
    height, width = stored.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return stored
    return np.pad(stored, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
