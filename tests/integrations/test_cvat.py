"""The function for CVAT: what Nuclio calls, with what CVAT sends."""

from __future__ import annotations

import base64
import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from served import spot_png
from spot_detector import SPOT_SCORE

FOLDER = Path(__file__).parents[2] / "integrations" / "cvat"


@pytest.fixture(scope="module")
def function() -> ModuleType:
    spec = spec_from_file_location("cvat_function", FOLDER / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def context(
    function: ModuleType, spot_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    monkeypatch.setenv("FACESMITH_MODEL", str(spot_weights))
    said: list[str] = []
    made = SimpleNamespace(
        user_data=SimpleNamespace(), Response=SimpleNamespace, said=said,
        logger=SimpleNamespace(error=said.append),
    )  # fmt: skip
    function.init_context(made)
    return made


def event(content: bytes, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(body={"image": base64.b64encode(content).decode(), **more})


def test_faces_come_as_rectangles_with_the_label_of_the_function(
    function: ModuleType, context: SimpleNamespace
) -> None:
    answer = function.handler(context, event(spot_png((40, 32))))
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    described = yaml.safe_load((FOLDER / "function.yaml").read_text(encoding="utf-8"))
    (label,) = json.loads(described["metadata"]["annotations"]["spec"])
    assert json.loads(answer.body) == [
        {
            "confidence": str(SPOT_SCORE),
            "label": label["name"],
            "points": [28.0, 20.0, 60.0, 52.0],
            "type": label["type"],
        }
    ]


@pytest.mark.parametrize(("threshold", "n_faces"), [(0.99, 0), (0.5, 1), ("0.5", 1), (None, 1)])
def test_the_threshold_of_cvat_counts(
    function: ModuleType, context: SimpleNamespace, threshold: Any, n_faces: int
) -> None:
    answer = function.handler(context, event(spot_png((40, 32)), threshold=threshold))
    assert len(json.loads(answer.body)) == n_faces


def test_bodies_as_text_are_read_too(function: ModuleType, context: SimpleNamespace) -> None:
    as_text = SimpleNamespace(body=json.dumps(event(spot_png()).body).encode())
    assert json.loads(function.handler(context, as_text).body) == []


def test_a_photo_that_cannot_be_read_is_said(
    function: ModuleType, context: SimpleNamespace
) -> None:
    answer = function.handler(context, event(b"no photo"))
    assert answer.status_code == 422
    assert "is not an image that can be read" in json.loads(answer.body)["error"]
    assert context.said == [json.loads(answer.body)["error"]]


def test_the_function_names_what_nuclio_calls(function: ModuleType) -> None:
    described = yaml.safe_load((FOLDER / "function.yaml").read_text(encoding="utf-8"))
    module, name = described["spec"]["handler"].split(":")
    assert (FOLDER / f"{module}.py").is_file()
    assert callable(getattr(function, name))
    assert described["metadata"]["annotations"]["type"] == "detector"
