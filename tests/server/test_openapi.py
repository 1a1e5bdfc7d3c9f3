"""Requests made up from the description of the interface: the answers are as it says."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from facesmith.server import ServeConfig, create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    import schemathesis
    from hypothesis import HealthCheck, given, settings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def described(spot_weights: Path) -> Any:
    app = create_app(ServeConfig(spot_weights, hosts=("localhost", "testserver")))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


OPERATIONS = [
    *("POST /v1/detect", "POST /v1/crops", "POST /v1/aligned", "POST /v1/anonymise"),
    *("POST /setup", "POST /predict", "GET /v1/model", "GET /health", "GET /metrics"),
]


def test_all_operations_are_tried(described: Any) -> None:
    found = [each.ok() for each in described.get_all_operations()]
    assert sorted(f"{each.method.upper()} {each.path}" for each in found) == sorted(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_answers_are_those_that_are_described(described: Any, name: str, mode: str) -> None:
    method, path = name.split()
    operation = described[path][method]
    if mode == "NEGATIVE" and method == "GET":
        pytest.skip("nothing can be wrong")

    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode]))
    @settings(
        max_examples=15, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def check(case: Any) -> None:
        answer = case.call(base_url="http://localhost")
        assert answer.status_code < 500
        assert answer.headers["x-content-type-options"] == ["nosniff"]
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]
            assert set(answer.json()) == {"type", "title", "status", "detail"}
        # Of a photo made up of random bytes it is right that it is refused.
        case.validate_response(
            answer, excluded_checks=[schemathesis.checks.positive_data_acceptance]
        )

    check()
