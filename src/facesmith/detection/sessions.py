"""Opens weights files: ONNX with a description of themselves inside, run by ONNX Runtime."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from facesmith.errors import WeightsError
from facesmith.runtime import onnxruntime

METADATA_KEY = "facesmith"  # of the ONNX metadata entry that holds the description, as JSON


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
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file. Pass the .onnx file of a run folder.")
    options = session_options(threads)
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime's exceptions have no common base
        raise WeightsError(
            f"{path} is not a usable ONNX file, it may be truncated ({error}). "
            "Export or copy it again."
        ) from error
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise WeightsError(
            f"{path}: expected the metadata entry '{METADATA_KEY}', found none. "
            "Only weights that facesmith exported can be used."
        )
    metadata: dict[str, Any] = json.loads(text)
    if metadata.get("kind") != kind:
        raise WeightsError(
            f"{path} holds weights of kind '{metadata.get('kind')}'; expected '{kind}'."
        )
    return session, metadata


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
