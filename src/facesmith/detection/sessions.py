"""Opens weights files: ONNX with a description of themselves inside, run by ONNX Runtime."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from facesmith.errors import WeightsError
from facesmith.printable import shortened_text
from facesmith.runtime import onnxruntime
from facesmith.untrusted import ContentError, parsed_json, read_bytes

METADATA_KEY = "facesmith"  # of the ONNX metadata entry that holds the description, as JSON


class WrongKindError(WeightsError):
    """A weights file holds another kind of network than was asked for."""

    kind: object = None  # as the file says


def available_cores() -> int:
    """Cores that this process may use, which a container may have cut down."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(
    path: str | Path, *, kind: str, threads: int = 1
) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """A session on a weights file, and what the file says of itself.

    Args:
        path: The `.onnx` file.
        kind: What the file must hold, for example `"classifier"`.
        threads: CPU threads of one run. One is the best choice for small nets: more threads wait
            for each other longer than they compute.

    Returns:
        The session, and the description: `kind`, `network`, `preprocessing` and more.

    Raises:
        WeightsError: If the file is missing, damaged, not made by facesmith or of another kind.
        ValueError: If `threads` is not positive.
    """
    path = Path(path)
    if threads < 1:
        raise ValueError(f"`threads` must be at least 1; got threads={threads}.")
    if not path.exists():
        others = ", ".join(sorted(each.name for each in path.parent.glob("*.onnx")))
        raise WeightsError(
            f"{path}: no such weights file. Pass the .onnx file of a run folder"
            f"{f'; in {path.parent} is {others}' if others else ''}."
        )
    options = session_options(threads)
    try:
        content = read_bytes(path)
    except ContentError as error:
        raise WeightsError(f"{error} Pass the .onnx file of a run folder.") from error
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions have no common base
        raise WeightsError(
            f"{path} is not a usable ONNX file, it may be truncated "
            f"({shortened_text(str(error))}). "
            "Export or copy it again."
        ) from error
    metadata = _description(path, session)
    if metadata.get("kind") != kind:
        wrong = WrongKindError(
            f"{path} holds weights of kind {shortened_text(repr(metadata.get('kind')), 60)}; "
            f"expected '{kind}'."
        )
        wrong.kind = metadata.get("kind")
        raise wrong
    return session, metadata


def _description(path: Path, session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """What a weights file says of itself."""
    try:
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except Exception as error:  # damaged text makes the runtime's binding fail in several ways
        raise _misstated(path, str(error)) from error
    if text is None:
        raise WeightsError(
            f"{path}: expected the metadata entry '{METADATA_KEY}', found none. "
            "Only weights that facesmith exported can be used."
        )
    try:
        metadata = parsed_json(text, f"{path}, metadata")
    except ContentError as error:
        raise WeightsError(f"{error} Train or copy the weights again.") from error
    if not isinstance(metadata, dict):
        raise _misstated(path, "no object")
    return metadata


@contextmanager
def description_errors(path: str | Path) -> Iterator[None]:
    """Whatever a description lacks or misstates, and is used in here, is a `WeightsError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise _misstated(path, f"{type(error).__name__}: {error}") from error


def finite(described: Mapping[str, Any], name: str) -> float:
    """A number of a description; a `ValueError` if it is none or not finite."""
    value = described[name]
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"`{name}` must be a finite number; got {value!r}")
    return float(value)


def check_graph(path: str | Path, run: Callable[[], object]) -> None:
    """Try out a graph once: `run` gives what facesmith wants of it, or raises.

    Raises:
        WeightsError: If the graph takes or gives something else than the description says.
    """
    try:
        run()
    except Exception as error:  # the runtime's exceptions have no common base
        raise WeightsError(
            f"{path} holds a network that does not fit its description "
            f"({shortened_text(' '.join(str(error).split()))}). Train or copy it again."
        ) from error


def _misstated(path: str | Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{path}: the description inside lacks or misstates something "
        f"({shortened_text(reason)}). It was written by another version of facesmith, or is "
        "damaged; train or copy it again."
    )


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """How every session of ours runs: on so many threads, with little memory."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings concern who exported, not who runs
    # A plan of the memory would be kept for every size that photos come in; it saves no time.
    options.enable_mem_pattern = False
    if _pool_is_shared():
        options.add_session_config_entry("session.use_env_allocators", "1")
    return options


@cache
def _pool_is_shared() -> bool:
    """Whether the sessions of this process share a pool of working memory that grows as needed.

    By default each has its own, which grows in powers of two: a fifth more for the whole process.
    """
    try:
        cpu = onnxruntime.OrtMemoryInfo(
            "Cpu",
            onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
            0,
            onnxruntime.OrtMemType.DEFAULT,
        )
        # No limit, grow by what is asked for, begin with 1 MB, leave at most 1 MB of a piece idle.
        onnxruntime.create_and_register_allocator(
            cpu, onnxruntime.OrtArenaCfg(0, 1, 1 << 20, 1 << 20)
        )
    except Exception:  # noqa: BLE001 - the runtime's exceptions have no common base
        return False  # another user of the runtime in this process has one already
    return True
