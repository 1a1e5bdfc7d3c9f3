"""What the server says of itself, and the files of its page."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from facesmith._version import __version__
from facesmith.detection import load_detector
from facesmith.detection.detector import Detector, shipped_weights
from facesmith.detection.model_facts import model_facts
from facesmith.export.metadata import update_description
from facesmith.server import ServeConfig, create_app
from facesmith.server.metrics import Metrics, SharedCounts
from served import PNG, ask, spot_png, with_client


def test_the_model_is_named_by_its_sums_and_what_was_measured() -> None:
    detector = load_detector()
    facts = model_facts(detector, None)
    folder = shipped_weights().parent
    assert facts["weights"] == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("detector.onnx", "refiner.onnx", "landmarks.onnx")
    }
    assert facts["facesmith"] == __version__
    assert facts["threshold"] == detector.min_score
    assert facts["landmarks"] is True
    find_all, chosen = facts["precision"]
    stored = detector.metadata["operating_point"]
    assert chosen["score"] == detector.min_score
    assert chosen["precision"] == pytest.approx(stored["reached"], abs=1e-4)
    assert chosen["recall"] == pytest.approx(stored["tpr"], abs=1e-4)
    # A false box a photo beside the faces found: 300 beside 917 of 950.
    assert find_all["score"] == detector.find_all_score
    assert find_all["false_per_photo"] == 1.0
    assert find_all["precision"] == pytest.approx(917 / (917 + 300), abs=1e-4)


def test_the_card_names_this_version_and_the_one_that_the_weights_store() -> None:
    card = shipped_weights().with_name("MODEL_CARD.md").read_text("utf-8")
    assert f"| come with | facesmith {__version__} |" in card
    stored = Detector(shipped_weights()).metadata["facesmith"]
    assert f"with facesmith {stored}, which the files store" in card


def test_weights_that_store_no_measurement_say_none(spot_weights: Path, tmp_path: Path) -> None:
    facts = model_facts(load_detector(spot_weights), spot_weights)
    assert facts["precision"] is None
    assert list(facts["weights"]) == ["detector.onnx"]
    assert facts["find_all_threshold"] is None
    own = tmp_path / "detector.onnx"
    own.write_bytes(spot_weights.read_bytes())
    update_description(own, {"operating_point": {"target": "precision", "threshold": "high"}})
    assert model_facts(load_detector(own), tmp_path)["precision"] is None


@pytest.mark.parametrize("path", ["/health", "/metrics", "/v1/model", "/openapi.json", "/"])
def test_head_is_answered_as_get_without_a_body(page_app: Any, path: str) -> None:
    got, head = (ask(page_app, method, path) for method in ("GET", "HEAD"))
    assert head.status_code == got.status_code == 200
    assert head.headers["content-type"] == got.headers["content-type"]


def test_health_model_and_openapi_answer(spot_app: Any) -> None:
    assert ask(spot_app, "GET", "/health").json() == {"status": "UP", "model_class": "facesmith"}
    assert ask(spot_app, "GET", "/v1/model").json()["landmarks"] is False
    described = ask(spot_app, "GET", "/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/detect", "/v1/crops", "/v1/aligned", "/v1/anonymise", "/v1/model", "/health",
        "/metrics", "/setup", "/predict",
    }  # fmt: skip
    options = {each["name"] for each in described["paths"]["/v1/detect"]["post"]["parameters"]}
    assert options == {"name", "min_score", "find_all", "min_face", "rotations", "landmarks"}
    content = described["paths"]["/v1/detect"]["post"]["requestBody"]["content"]
    assert "multipart/form-data" in content
    assert "HTTPValidationError" not in json.dumps(described)


def test_what_happened_is_counted(spot_weights: Path) -> None:
    app = create_app(ServeConfig(spot_weights))

    async def use(client: Any) -> str:
        for photo in (spot_png((40, 32), (104, 64)), spot_png(), b"bad"):
            await client.post("/v1/detect", content=photo, headers=PNG)
        await client.get("/nowhere")
        await client.get("/health", headers={"Host": "evil.example"})
        text: str = (await client.get("/metrics")).text
        return text

    text = with_client(app, use)
    for line in (
        'facesmith_requests_total{path="/v1/detect",status="200"} 2',
        'facesmith_requests_total{path="/v1/detect",status="422"} 1',
        'facesmith_requests_total{path="other",status="404"} 1',
        'facesmith_requests_total{path="/health",status="403"} 1',
        'facesmith_request_seconds_count{path="/v1/detect"} 3',
        "facesmith_photos_total 3",
        "facesmith_failed_photos_total 1",
        "facesmith_faces_total 2",
        f'facesmith_info{{version="{__version__}"}} 1',
    ):
        assert line in text.splitlines()
    sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.]+')
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line


def test_buckets_hold_all_that_took_no_longer() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.05, 0.3, 100.0):
        metrics.answered("/v1/detect", 200, seconds)
    lines = metrics.text().splitlines()
    start = 'facesmith_request_seconds_bucket{path="/v1/detect",le='
    counts = {line[len(start) :].split('"')[1]: line.split()[-1]
              for line in lines if line.startswith(start)}  # fmt: skip
    assert counts == {
        "0.01": "1", "0.025": "1", "0.05": "2", "0.1": "2", "0.25": "2", "0.5": "3", "1.0": "3",
        "2.5": "3", "5.0": "3", "10.0": "3", "30.0": "3", "+Inf": "4",
    }  # fmt: skip
    assert 'facesmith_request_seconds_sum{path="/v1/detect"} 100.351000' in lines


def test_counts_of_processes_are_added_and_the_row_of_one_that_ended_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = SharedCounts.for_processes(2)
    monkeypatch.setattr("facesmith.server.metrics.getpid", lambda: 11)
    monkeypatch.setattr("facesmith.server.metrics._is_alive", lambda pid: pid != 11)
    first = Metrics(shared)
    first.looked_at(3)
    first.waiting(5, 100)
    monkeypatch.setattr("facesmith.server.metrics.getpid", lambda: 12)
    Metrics(shared).looked_at(4)  # in the place of 11
    monkeypatch.setattr("facesmith.server.metrics.getpid", lambda: 13)
    third = Metrics(shared)
    third.looked_at(None)
    assert list(shared.owners) == [12, 13]
    text = third.text()
    assert "facesmith_photos_total 3\n" in text
    assert "facesmith_faces_total 7\n" in text
    assert "facesmith_requests_in_progress 0\n" in text


@pytest.fixture
def page_app(spot_weights: Path, tmp_path: Path) -> Any:
    page = tmp_path / "page"
    (page / "js").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>faces</title>")
    (page / "js" / "a.js").write_text("export {};")
    (page / "net.wasm").write_bytes(b"\0asm")
    (page / "notes.md").write_text("not served")
    (tmp_path / "secret.txt").write_text("hidden words")
    return create_app(ServeConfig(spot_weights, page=page))


def test_the_page_comes_with_its_policy(page_app: Any) -> None:
    answer = ask(page_app, "GET", "/")
    assert answer.text == "<!doctype html><title>faces</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; "
        "manifest-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"
    known = ask(page_app, "GET", "/", headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert ask(page_app, "HEAD", "/").status_code == 200
    assert ask(page_app, "GET", "/", headers={"If-None-Match": '"old"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/js/a.js", "text/javascript; charset=utf-8"),
        ("/net.wasm", "application/wasm"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/notes.md", None),
        ("/js", None),
        ("/../secret.txt", None),
        ("/js/../../secret.txt", None),
        ("/js/..%2f..%2fsecret.txt", None),
        ("/js/%2e%2e/%2e%2e/secret.txt", None),
    ],
)
def test_its_files_have_their_types_and_no_path_leads_out(
    page_app: Any, path: str, kind: str | None
) -> None:
    answer = ask(page_app, "GET", path)
    assert answer.headers["content-type"] == (kind or "application/problem+json")
    assert (answer.status_code == 404) == (kind is None)
    assert "hidden" not in answer.text
