"""What a server is told at its start: `ServeConfig`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facesmith.images import MAX_MEMORY

MB = 2**20
_PAGE = Path(__file__).with_name("page")
_LEAST_HELD = 256 * MB  # of uploads that wait, all together


@dataclass(frozen=True)
class ServeConfig:
    """How a server works, in each of its processes; it can be pickled.

    Attributes:
        model: As `open_detector` takes it; `None`: the weights that come along.
        max_upload: Bytes of one request's body, at most.
        max_files: Photos in one request, at most.
        max_requests: Requests that are read, wait or are worked at, at most; others get a 503.
        max_memory: Bytes that decoding one photo may take.
        hosts: Names by which the server may be called, in small letters, without ports.
        any_address: Whether it may be called by any IP address too.
        label_studio: Address of the Label Studio from which photos may be fetched; `None`: none.
        label_studio_token: An access token for it.
        proposal_score: Lowest score of what is proposed to it; `None`: that of the weights.
        page: The folder of the page.

    Raises:
        ValueError: If a limit is not positive.
    """

    model: Path | None = None
    max_upload: int = 64 * MB
    max_files: int = 100
    max_requests: int = 256
    max_memory: int = MAX_MEMORY
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    any_address: bool = False
    label_studio: str | None = None
    label_studio_token: str | None = None
    proposal_score: float | None = None
    page: Path = _PAGE

    def __post_init__(self) -> None:
        for name in ("max_upload", "max_files", "max_requests", "max_memory"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1; got {getattr(self, name)}.")

    @property
    def max_held(self) -> int:
        """Bytes of the bodies of all requests together, at most."""
        return max(_LEAST_HELD, 2 * self.max_upload)
