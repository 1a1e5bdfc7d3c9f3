"""Label Studio's protocol, with requests in the form in which it sends them."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from facesmith.server import ServeConfig, create_app
from served import ask, spot_png
from spot_detector import SPOT_SCORE

INTERFACE = """<View>
  <Image name="photo" value="$image" zoom="true"/>
  <RectangleLabels name="boxes" toName="photo">
    <Label value="Face" background="green"/>
    <Label value="unsure"/>
  </RectangleLabels>
</View>"""
PHOTO = spot_png((40, 32))
INLINE = "data:image/png;base64," + base64.b64encode(PHOTO).decode()
REGION = {
    "type": "rectanglelabels",
    "from_name": "boxes",
    "to_name": "photo",
    "original_width": 160,
    "original_height": 120,
    "image_rotation": 0,
    "value": {
        "x": 17.5,  # 28 of 160
        "y": pytest.approx(100 * 20 / 120),
        "width": 20.0,
        "height": pytest.approx(100 * 32 / 120),
        "rotation": 0,
        "rectanglelabels": ["Face"],
    },
    "score": SPOT_SCORE,
}


def setup_request(interface: Any = INTERFACE) -> dict[str, Any]:
    return {
        "project": "3.1718000000",
        "schema": interface,
        "hostname": "http://localhost:8080",
        "access_token": "0123456789abcdef0123456789abcdef01234567",
        "extra_params": None,
    }


def predict_request(*addresses: str, interface: str = INTERFACE) -> dict[str, Any]:
    """As its `make_predictions` sends it."""
    return {
        "tasks": [
            {
                "id": 40 + number,
                "data": {"image": address},
                "meta": {},
                "created_at": "2026-03-02T10:11:12.131415Z",
                "updated_at": "2026-03-02T10:11:12.131415Z",
                "inner_id": number,
                "total_annotations": 0,
                "project": 3,
                "annotations": [],
                "predictions": [],
            }
            for number, address in enumerate(addresses, start=1)
        ],
        "model_version": None,
        "project": "3.1718000000",
        "label_config": interface,
        "params": {"login": None, "password": None, "context": None},
    }


class LabelStudio(BaseHTTPRequestHandler):
    """What is asked of it, and photos for those who have the token."""

    asked: ClassVar[list[tuple[str, str | None]]] = []
    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        if self.path.startswith("/data/away"):
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
            self.end_headers()
        elif self.path.startswith("/data/moved"):
            self.send_response(302)
            self.send_header("Location", "/data/upload/3/a.png")
            self.end_headers()
        elif self.headers["Authorization"] not in ("Token old", "Bearer fresh"):
            self.send_error(401)
        elif self.path.startswith("/data/upload/3/cut"):
            self.cut(PHOTO)
        elif self.path in self.files:
            self.answer(self.files[self.path])
        else:
            self.send_error(404)

    def cut(self, content: bytes) -> None:
        """Announce all of it and send the half."""
        self.send_response(200)
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            content = b"%x\r\n%b" % (2 * len(content), content)
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, content.get("refresh")))
        self.answer(b'{"access": "fresh"}')

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def label_studio() -> Iterator[str]:
    LabelStudio.asked.clear()
    LabelStudio.files.clear()
    LabelStudio.files["/data/upload/3/a.png"] = PHOTO
    LabelStudio.files["/data/local-files/?d=photos/a%20b.png"] = PHOTO
    LabelStudio.files["/data/upload/3/bad.png"] = b"bad"
    LabelStudio.files["/data/upload/3/large.png"] = bytes(100_001)
    with ThreadingHTTPServer(("127.0.0.1", 0), LabelStudio) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def never_called(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr("http.client.HTTPConnection.connect", refuse)
    yield
    monkeypatch.undo()


def connected(weights: Path, address: str, token: str = "old") -> Any:  # noqa: S107
    config = ServeConfig(
        weights, label_studio=address, label_studio_token=token, max_upload=100_000
    )
    return create_app(config)


def test_a_project_is_set_up_and_told_the_version_of_the_weights(spot_app: Any) -> None:
    answer = ask(spot_app, "POST", "/setup", json=setup_request())
    assert answer.status_code == 200
    version = answer.json()["model_version"]
    assert version.startswith("facesmith-")
    assert ask(spot_app, "POST", "/setup", json=setup_request()).json() == {
        "model_version": version
    }
    predicted = ask(spot_app, "POST", "/predict", json=predict_request(INLINE)).json()
    assert predicted["model_version"] == version
    assert predicted["results"][0]["model_version"] == version


def test_faces_are_proposed_in_percent_for_each_task_in_order(spot_app: Any) -> None:
    none = "data:image/png;base64," + base64.b64encode(spot_png()).decode()
    answer = ask(spot_app, "POST", "/predict", json=predict_request(INLINE, none, INLINE))
    first, second, third = answer.json()["results"]
    (region,) = first["result"]
    assert region.pop("id") == "facesmith-41-1"
    assert region == REGION
    assert first["score"] == SPOT_SCORE
    assert second["result"] == []
    assert "score" not in second
    assert third["result"][0]["id"] == "facesmith-43-1"


def test_what_is_written_is_read_again_by_the_annotations(spot_app: Any, tmp_path: Path) -> None:
    """The room that reads Label Studio's files takes the regions for what they are."""
    from facesmith.annotations import load_annotations  # noqa: PLC0415

    answer = ask(spot_app, "POST", "/predict", json=predict_request(INLINE)).json()
    result = answer["results"][0]["result"]
    (tmp_path / "a.png").write_bytes(PHOTO)
    task = {"data": {"image": "a.png"}, "annotations": [{"result": result}]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    (photo,) = load_annotations(tmp_path / "tasks.json", tmp_path).photos
    assert photo.boxes.tolist() == [pytest.approx([28, 20, 60, 52], abs=1e-3)]


@pytest.mark.parametrize(
    ("interface", "said"),
    [
        (None, "is missing"),
        ("<View", "is no XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><View/>", "document type"),
        ('<View><Text name="t" value="$text"/></View>', "Labels found: none"),
        (INTERFACE.replace('toName="photo"', 'toName="other"'), "needs <Image>"),
        (INTERFACE.replace("Face", "car").replace("unsure", "dog"), "found: 'car', 'dog'"),
    ],
)
def test_interfaces_without_a_place_for_faces_are_refused(
    spot_app: Any, interface: Any, said: str
) -> None:
    answer = ask(spot_app, "POST", "/setup", json=setup_request(interface))
    assert answer.status_code == 422
    assert said.lower() in answer.json()["detail"].lower()


@pytest.mark.parametrize("nested", ["View", "RectangleLabels"])
def test_deep_interfaces_take_no_time(spot_app: Any, nested: str) -> None:
    deep = f"<{nested}>" * 20_000 + f"</{nested}>" * 20_000
    start = time.perf_counter()
    answer = ask(spot_app, "POST", "/setup", json=setup_request(f"<View>{deep}</View>"))
    assert answer.status_code == 422
    assert time.perf_counter() - start < 20  # each label by each control: minutes


def test_the_only_label_is_that_of_faces_whatever_its_name(spot_app: Any) -> None:
    interface = INTERFACE.replace("Face", "Gesicht")
    answer = ask(spot_app, "POST", "/predict", json=predict_request(INLINE, interface=interface))
    region = answer.json()["results"][0]["result"][0]
    assert region["value"]["rectanglelabels"] == ["Gesicht"]


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/3/a.png",
        "/data/local-files/?d=photos/a%20b.png",
        "/data/local-files/?d=photos/a b.png",
        "/data/moved/a.png",
    ],
)
def test_photos_come_from_label_studio(spot_weights: Path, label_studio: str, address: str) -> None:
    app = connected(spot_weights, label_studio)
    for given in (address, label_studio + address):
        answer = ask(app, "POST", "/predict", json=predict_request(given))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["results"][0]["result"]) == 1
    assert {header for _, header in LabelStudio.asked} == {"Token old"}


def test_tokens_that_expire_are_exchanged(spot_weights: Path, label_studio: str) -> None:
    app = connected(spot_weights, label_studio + "/", "a.b.c")
    answer = ask(app, "POST", "/predict", json=predict_request("/data/upload/3/a.png"))
    assert len(answer.json()["results"][0]["result"]) == 1
    assert LabelStudio.asked == [
        ("/api/token/refresh", "a.b.c"), ("/data/upload/3/a.png", "Bearer fresh")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/data/upload/3/gone.png", 502, "it answered 404"),
        ("/data/upload/3/cut.png", 502, f"was cut after {len(PHOTO) // 2} of {len(PHOTO)} bytes"),
        ("/data/upload/3/cut-chunked.png", 502, "The download from Label Studio was cut after "),
        ("/data/away/a.png", 502, "it sends elsewhere, to 'http://169.254.169.254"),
        ("/data/upload/3/large.png", 413, "--max-upload"),
        ("/data/upload/3/bad.png", 422, "bad.png is not an image"),
        ("data:image/png;base64,####", 422, "is no base64"),
        ("data:image/png", 422, "no comma"),
    ],
)
def test_photos_that_cannot_be_had_are_said(
    spot_weights: Path, label_studio: str, address: str, status: int, said: str
) -> None:
    app = connected(spot_weights, label_studio)
    answer = ask(app, "POST", "/predict", json=predict_request(address))
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    # Among others it takes nothing from them.
    many = ask(app, "POST", "/predict", json=predict_request(address, INLINE))
    first, second = many.json()["results"]
    assert first["result"] == []
    assert said in first["error"]
    assert len(second["result"]) == 1


def test_a_wrong_token_is_said(spot_weights: Path, label_studio: str) -> None:
    app = connected(spot_weights, label_studio, "wrong")
    answer = ask(app, "POST", "/predict", json=predict_request("/data/upload/3/a.png"))
    assert answer.status_code == 502
    assert "it answered 401" in answer.json()["detail"]
    assert "the token" in answer.json()["detail"]


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:9/a.png",
        "https://127.0.0.1:PORT/a.png",
        "//evil.example/a.png",
        "http://127.0.0.1:PORT@evil.example/a.png",
        "http://user@127.0.0.1:PORT/a.png",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "s3://bucket/a.png",
        "http://[",
        "http://127.0.0.1:99999999/",
        "http://127.0.0.1:PORT/api/token",
        "http://127.0.0.1:PORT/data/../api/projects/1/export",
        "http://127.0.0.1:PORT/data/%2e%2e/api/token",
    ],
)
def test_no_other_address_is_ever_asked(
    spot_weights: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    app = connected(spot_weights, "http://127.0.0.1:8080")
    with never_called(monkeypatch):
        given = address.replace("PORT", "8080")
        answer = ask(app, "POST", "/predict", json=predict_request(given))
    assert answer.status_code == 422, answer.text
    assert "photos are fetched from http://127.0.0.1:8080/ only" in answer.json()["detail"]


def test_without_a_label_studio_nothing_is_fetched(
    spot_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with never_called(monkeypatch):
        answer = ask(spot_app, "POST", "/predict", json=predict_request("/data/upload/3/a.png"))
    assert answer.status_code == 422
    assert "--label-studio URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "no JSON object"),
        ({"label_config": INTERFACE}, "`tasks`"),
        ({"label_config": INTERFACE, "tasks": [7]}, "`tasks`"),
        ({"label_config": INTERFACE, "tasks": [{"id": 1, "data": {"url": "a"}}]}, "no 'image'"),
        ({"label_config": INTERFACE, "tasks": [{"id": 1, "data": {"image": 5}}]}, "no 'image'"),
    ],
)
def test_other_bodies_are_refused(spot_app: Any, body: Any, said: str) -> None:
    answer = ask(spot_app, "POST", "/predict", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_the_score_of_proposals_can_be_chosen(spot_weights: Path) -> None:
    app = create_app(ServeConfig(spot_weights, proposal_score=0.99))
    answer = ask(app, "POST", "/predict", json=predict_request(INLINE))
    assert answer.json()["results"][0]["result"] == []
