"""Opening the ONNX files of other detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesmith.evaluation.baselines.baseline import BaselineError, check_file
from facesmith.runtime import onnxruntime


def open_onnx(path: Path, what: str, threads: int) -> Any:
    """The session of an ONNX file on the processor.

    Args:
        path: The file.
        what: What it should be, for messages.
        threads: How many threads compute.

    Raises:
        BaselineError: If the file is missing or none that can be used.
    """
    check_file(path, what)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings concern who exported
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime's exceptions have no common base
        raise BaselineError(f"{path} is not a usable ONNX file ({error}).") from error
