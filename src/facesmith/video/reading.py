"""Films from files: every frame that can be decoded, with its time, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from facesmith.errors import VideoError
from facesmith.images import MAX_PIXELS
from facesmith.printable import counted
from facesmith.video.frames import VideoFrame
from facesmith.video.libav import import_av, opening_errors, reason
from facesmith.video.orientation import UPRIGHT, Orientation

if TYPE_CHECKING:
    import av

# Suffixes of files that are taken for films without a look inside.
VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".ts", ".webm", ".wmv",
)  # fmt: skip
# Kinds of files that are opened. Playlists (HLS, DASH, concat) are not among them: one that calls
# itself a film could have other files read, or the network asked.
_FORMATS = "mov,matroska,avi,gif,mpegts,mpeg,flv,ogg,asf,mpegvideo,h264,hevc,ivf,apng,m4v"
_CUT_SECONDS = 1.0  # a film is cut off if more than this is missing at its end,
_CUT_SHARE = 0.02  # and more than this part of it: durations in files are often a little wrong
_MAX_FAILURES = 100  # reads in a row that fail before the rest of a file is given up
_DEFAULT_RATE = Fraction(25)  # frames a second where neither time stamps nor the file say it


@dataclass
class ReadingCounts:
    """What went wrong while a film was read.

    Attributes:
        broken: Packets that could not be read or decoded, or whose frames came out damaged.
        retimed: Frames without a time stamp, or with one that is not after that of the frame
            before.
        why_ended: Why reading ended early; empty if it did not.
    """

    broken: int = 0
    retimed: int = 0
    why_ended: str = ""


class Video(ABC):
    """An opened film; use it with `with`. `frames` can be called once.

    Attributes:
        name: What messages call it.
        size_wh: Width and height of an upright frame, pixels; a frame may have another.
        orientation: How stored frames are turned upright.
        duration: Seconds; `None`: the file does not say.
        rate: Frames a second, on average.
        time_base: Unit of its time stamps, seconds.
        audio: Number of its audio streams.
        at_end: Whether its last frame was read.
        counts: What went wrong so far.
    """

    name: str
    size_wh: tuple[int, int]
    orientation: Orientation = UPRIGHT
    duration: float | None = None
    rate: Fraction = _DEFAULT_RATE
    time_base: Fraction = Fraction(1, 1000)
    audio: int = 0
    at_end: bool = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts = ReadingCounts()
        self._last_time: float | None = None

    @abstractmethod
    def _decoded(
        self, on_other: Callable[[Any], None] | None
    ) -> Iterator[tuple[int | None, Fraction, av.VideoFrame]]:
        """Time stamp, its unit and the frame as stored, in order of presentation."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def frames(self, on_other: Callable[[Any], None] | None = None) -> Iterator[VideoFrame]:
        """Every frame that can be decoded, in order; memory does not grow with the film.

        Args:
            on_other: Called with each packet of other streams (sound, subtitles) as the file has
                it, between the frames.

        Yields:
            Frames with time stamps that rise strictly.

        Raises:
            VideoError: If not a single frame can be decoded.
        """
        number, last = 0, None
        for stamp, time_base, raw in self._decoded(on_other):
            pts = stamp
            if pts is None or (last is not None and pts <= last):
                self.counts.retimed += 1
                same = pts is not None and pts == last
                step = 1 if same else max(round(1 / (self.rate * time_base)), 1)
                pts = 0 if last is None else last + step
            last = pts
            frame = VideoFrame(number, pts, time_base, raw, self.orientation)
            self._last_time = frame.time
            yield frame
            number += 1
        self.at_end = True
        if number == 0:
            raise VideoError(
                f"{self.name} has no frame that can be decoded. Copy it again from where it came."
            )

    def missing_seconds(self) -> float:
        """Seconds at the end that the file promises and does not have.

        0 if it is whole, or was not read to its end.
        """
        if self.duration is None or self._last_time is None or not self.at_end:
            return 0.0
        missing = self.duration - self._last_time - float(1 / self.rate)
        return missing if missing > max(_CUT_SECONDS, _CUT_SHARE * self.duration) else 0.0

    def problems(self) -> list[str]:
        """What went wrong while it was read, as sentences; empty if nothing did."""
        counts, said = self.counts, []
        if counts.broken:
            many = counted(counts.broken, "packet")
            said.append(f"{self.name}: {many} of the video damaged; the others were used.")
        if counts.retimed:
            many = counted(counts.retimed, "frame")
            said.append(f"{self.name}: {many} had no usable time stamp and got one after the last.")
        if counts.why_ended or self.missing_seconds():
            at = f"{self._last_time or 0:.1f}"
            whole = f" of {self.duration:.1f}" if self.duration else ""
            why = f" ({counts.why_ended})" if counts.why_ended else ""
            said.append(
                f"{self.name} is cut off: it ends after {at}{whole} seconds{why}. Copy it again "
                "from where it came; what is there was done."
            )
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class FilmFile(Video):
    """A film that FFmpeg reads: MP4, MOV, MKV, WebM, AVI, GIF, MPEG and others."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        path = Path(path)
        import_av()
        if path.is_dir():
            raise VideoError(f"{path} is a folder. Name a film in it.")
        if _lacks_index(path):
            raise VideoError(
                f"{path} is cut off: it has no index (moov), which is written at the end of a "
                "recording. Copy it again from where it came, or repair it with the program that "
                "recorded it."
            )
        with opening_errors(self.name):
            self.container: Any = _open(path)
        try:
            self._choose_stream(path)
        except BaseException:
            self.container.close()
            raise

    def _choose_stream(self, path: Path) -> None:
        with opening_errors(self.name):
            self.stream: Any = self.container.streams.best("video")
        if self.stream is None or not self.stream.codec_context:
            raise VideoError(f"{self.name} has no video that can be decoded, sound at most.")
        context = self.stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise VideoError(
                f"{self.name} has frames of more than {MAX_PIXELS // 10**6} million pixels, the "
                "most that is decoded. Reduce it first."
            )
        context.thread_type = "AUTO"
        self.time_base = self.stream.time_base
        self.audio = len(self.container.streams.audio)
        self.rate = self.stream.average_rate or self.stream.guessed_rate or _DEFAULT_RATE
        if self.stream.duration is not None:
            start = self.stream.start_time or 0
            self.duration = float((start + self.stream.duration) * self.stream.time_base)
        elif self.container.duration is not None:
            self.duration = self.container.duration / 1e6
        self.orientation = _orientation_of(path)
        self.size_wh = self.orientation.upright_size(context.width, context.height)

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def _decoded(
        self, on_other: Callable[[Any], None] | None
    ) -> Iterator[tuple[int | None, Fraction, av.VideoFrame]]:
        av = import_av()
        for packet in self._packets(on_other):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self.counts.broken += 1
                continue
            for raw in decoded:
                self.counts.broken += bool(raw.is_corrupt)
                yield raw.pts, raw.time_base or self.stream.time_base, raw

    def _packets(self, on_other: Callable[[Any], None] | None) -> Iterator[Any]:
        """The packets of the video; the last is empty and fetches what the decoder still has."""
        av = import_av()
        wanted = self.container.streams if on_other else [self.stream]
        failures = 0
        packets = self.container.demux(*wanted)
        while failures < _MAX_FAILURES:
            try:
                packet = next(packets, None)
            except av.EOFError:
                return
            except av.FFmpegError as error:
                failures += 1
                self.counts.broken += failures == 1
                if failures == _MAX_FAILURES:
                    self.counts.why_ended = reason(error)
                packets = self.container.demux(*wanted)  # one that raised gives nothing more
                continue
            if packet is None:
                return
            failures = 0
            if packet.stream_index == self.stream.index:
                yield packet
            elif on_other is not None and packet.size:
                on_other(packet)


def _orientation_of(path: Path) -> Orientation:
    """What the display matrix of the first frame says.

    The file is opened anew: seeking back to its first frame is not exact in all formats.
    """
    av = import_av()
    with suppress(av.FFmpegError), _open(path) as container:
        stream = container.streams.best("video")
        for packet in container.demux(stream):
            for first in packet.decode():
                for data in first.side_data.keys():  # noqa: SIM118 - no mapping
                    if data.type.name == "DISPLAYMATRIX":
                        return Orientation.from_matrix(tuple(memoryview(data).cast("B").cast("i")))
                return UPRIGHT
    return UPRIGHT


def _open(path: Path) -> Any:
    return import_av().open(
        f"file:{path}",
        metadata_errors="replace",
        container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
    )


def _lacks_index(path: Path) -> bool:
    """Whether an MP4 or MOV file has no `moov` among the boxes at its top level."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            at = 0
            kinds: set[bytes] = set()
            while at + 8 <= size and len(kinds) < 100:
                file.seek(at)
                head = file.read(16)
                length, kind = int.from_bytes(head[:4], "big"), head[4:8]
                if length == 1:
                    length = int.from_bytes(head[8:16], "big")
                kinds.add(kind)
                if at == 0 and kind != b"ftyp":
                    return False
                if length < 8:  # to the end of the file, or none at all
                    break
                at += length
    except OSError:
        return False  # opening it says why
    return b"ftyp" in kinds and not kinds & {b"moov", b"moof"}
