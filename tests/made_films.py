"""Films made with PyAV whose pixels, times and sound are known."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

TIME_BASE = Fraction(1, 90_000)
STEADY = tuple(range(0, 10 * 3600, 3600))  # ten frames, 25 a second
UNEVEN = (0, 3000, 3100, 9000, 9999, 45_000, 48_003)


def marked(width: int, height: int, number: int) -> np.ndarray:
    """Grey, with a red top left corner, a blue top right one, and the number as a brightness."""
    image = np.full((height, width, 3), 60 + number, np.uint8)
    image[: height // 4, : width // 4] = (0, 0, 220)
    image[: height // 4, -width // 4 :] = (220, 0, 0)
    return image


def write_film(
    path: Path,
    images: Sequence[np.ndarray] | None = None,
    pts: Sequence[int] = STEADY,
    *,
    size_wh: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    matrix: Sequence[int] | None = None,
    sounds: Sequence[str] = (),
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    gop: int = 12,
    unit: Fraction = TIME_BASE,
) -> Path:
    """Write a film; `images` are stored as they are, BGR, one a time stamp of 1/90000 s."""
    import av  # noqa: PLC0415 - an extra

    if images is None:
        images = [marked(*size_wh, number) for number in range(len(pts))]
    height, width = images[0].shape[:2]
    with av.open(
        str(path),
        "w",
        container_options={"movie_timescale": "90000", **(container_options or {})}
        if path.suffix in (".mp4", ".mov")
        else {},
    ) as out:
        stream: Any = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.time_base = stream.codec_context.time_base = unit
        stream.options = options if options is not None else {"crf": "10"}
        stream.codec_context.gop_size = gop
        if matrix is not None:
            stream.set_display_matrix(matrix)
        voices = [out.add_stream(name, rate=48_000) for name in sounds]
        for voice in voices:
            voice.layout = "mono"
        for image, stamp in zip(images, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.pts, frame.time_base = round(stamp * TIME_BASE / unit), unit
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for number, voice in enumerate(voices):
            tone = np.sin(np.arange(1024) * (0.05 + 0.02 * number)).astype(np.float32)
            for step in range(20):
                sound = av.AudioFrame.from_ndarray(
                    (tone[None] * 20_000).astype(np.int16), format="s16", layout="mono"
                )
                sound.sample_rate, sound.pts, sound.time_base = (
                    48_000,
                    1024 * step,
                    Fraction(1, 48_000),
                )
                out.mux(voice.encode(sound))
            out.mux(voice.encode(None))
    return path


def sound_packets(path: Path) -> list[list[tuple[float, bytes]]]:
    """Time and bytes of each packet of each sound stream."""
    import av  # noqa: PLC0415 - an extra

    with av.open(str(path)) as film:
        streams = film.streams.audio
        found: dict[int, list[tuple[float, bytes]]] = {stream.index: [] for stream in streams}
        for packet in film.demux(*streams) if streams else ():
            if packet.size:
                found[packet.stream_index].append(
                    (float(packet.pts * packet.time_base), bytes(packet))
                )
        return list(found.values())


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The address of a film on this machine, sent whole to each who asks; then the line is cut."""
    content = path.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live.ts"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
