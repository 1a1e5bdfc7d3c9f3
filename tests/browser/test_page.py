"""The page of `facesmith serve` in a real browser."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from browser_pages import OpenPage, finished, lines, photo, shown
from facesmith import load_detector
from facesmith.images import read_image

DROP = """([encoded, name, type]) => {
  const bytes = Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  return carried;
}"""


def carried(page: Any, file: dict[str, Any]) -> Any:
    """What a drop or a paste of a file carries."""
    encoded = base64.b64encode(file["buffer"]).decode()
    return page.evaluate_handle(DROP, [encoded, file["name"], file["mimeType"]])


def expected_box(file: dict[str, Any]) -> np.ndarray:
    faces = load_detector()(read_image(BytesIO(file["buffer"])))
    assert len(faces) == 1
    return faces.boxes[0]


def test_a_dropped_photo_shows_its_face_where_it_is(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address)
    page.dispatch_event("#empty", "drop", {"dataTransfer": carried(page, astronaut)})
    (face,) = shown(page, 1).all()
    stage = page.locator("#stage").bounding_box()
    edge = face.locator(".edge").bounding_box()
    x_min, y_min, x_max, y_max = expected_box(astronaut) * stage["width"] / 512
    found = [edge["x"] - stage["x"], edge["y"] - stage["y"], edge["width"], edge["height"]]
    assert found == pytest.approx([x_min, y_min, x_max - x_min, y_max - y_min], abs=2.5)
    assert face.locator(".dot").count() == 5
    assert face.get_attribute("aria-label") == "Face 1 of 1, score 0.99"
    page.uncheck("#landmarks")
    assert face.locator(".dot").count() == 0


def test_a_pasted_photo_shows_its_face(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address)
    page.evaluate(
        """(clipboardData) => document.body.dispatchEvent(
          new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))""",
        carried(page, astronaut),
    )
    shown(page, 1)


def test_the_slider_shows_more_boxes_and_says_what_it_means(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address)
    page.set_input_files("#files", astronaut)
    shown(page, 1)
    words = page.locator("#threshold-words")
    assert "99 of 100 boxes are faces" in words.inner_text()
    page.click("#threshold-all")
    assert "75 of 100 boxes are faces" in words.inner_text()
    more = page.locator(".face").count()
    assert more > 1
    page.focus("#threshold")
    page.keyboard.press("ArrowLeft")
    assert page.input_value("#threshold") == "0.03"
    page.keyboard.press("Home")
    assert "Fewer than 75 of 100 boxes" in words.inner_text()
    page.keyboard.press("End")
    assert "fewer than 89 of 100 faces" in words.inner_text()
    shown(page, 1)


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_face_is_left_out_and_taken_in_again(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any], way: str
) -> None:
    page = open_page(page_address)
    page.set_input_files("#files", astronaut)
    (face,) = shown(page, 1).all()
    if way == "mouse":
        face.click()
    else:
        face.focus()
        page.keyboard.press("Delete")
    assert face.get_attribute("aria-checked") == "false"
    assert page.inner_text("#count") == "0"
    assert lines(page) == [{"file": "astronaut.jpg", "width": 512, "height": 512, "faces": []}]
    if way == "mouse":
        face.click()
    else:
        face.focus()
        page.keyboard.press("Space")
    assert page.inner_text("#count") == "1"


def test_a_face_is_drawn_by_mouse(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address)
    page.set_input_files("#files", astronaut)
    shown(page, 1)
    stage = page.locator("#stage").bounding_box()
    scale = stage["width"] / 512
    page.mouse.move(stage["x"] + 300 * scale, stage["y"] + 320 * scale)
    page.mouse.down()
    page.mouse.move(stage["x"] + 360 * scale, stage["y"] + 400 * scale, steps=3)
    page.mouse.up()
    shown(page, 2)
    page.keyboard.press("ArrowLeft")  # what was drawn has the focus
    (photo_line,) = lines(page)
    drawn = photo_line["faces"][1]
    step = 4 / scale
    assert drawn["box"] == pytest.approx([300 - step, 320, 360 - step, 400], abs=1)
    assert drawn["drawn"] is True
    page.locator(".face").nth(1).click()
    shown(page, 1)


def test_a_face_is_drawn_and_moved_by_keyboard(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address)
    page.set_input_files("#files", astronaut)
    shown(page, 1)
    page.focus("#draw")
    page.keyboard.press("Enter")
    shown(page, 2)
    before = lines(page)[0]["faces"][1]["box"]
    page.locator(".face").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    after = lines(page)[0]["faces"][1]["box"]
    assert after[0] > before[0]
    assert after[1] == before[1]
    assert after[2] - after[0] == pytest.approx(before[2] - before[0], abs=0.2)
    assert after[3] > before[3]


def test_a_text_file_is_refused_in_words(open_page: OpenPage, page_address: str) -> None:
    page = open_page(page_address)
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"}
    page.set_input_files("#files", text)
    error = page.locator("#photo-error")
    error.wait_for()
    assert "notes.txt is not an image" in error.inner_text()
    finished(page, "1 file could not be read")
    assert page.locator("[data-save=json]").is_disabled()


def test_a_photo_that_the_browser_cannot_show_has_its_boxes(
    open_page: OpenPage, page_address: str
) -> None:
    page = open_page(page_address)
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"}
    page.set_input_files("#files", [photo("a.tif", Image.fromarray(data.astronaut())), text])
    finished(page, "Done")
    shown(page, 1)
    page.get_by_text("This browser cannot show the picture").wait_for()
    first, second = lines(page)
    assert len(first["faces"]) == 1
    assert second == {"file": "notes.txt", "error": page_error(page)}
    page.click("[data-save=anonymised]")
    finished(page, "Nothing was saved. This browser cannot read a.tif")


def page_error(page: Any) -> str:
    """The error of the second photo."""
    page.click("#next")
    text: str = page.inner_text("#photo-error")
    page.click("#previous")
    return text


def test_fifty_photos_at_once_and_no_more(open_page: OpenPage, page_address: str) -> None:
    page = open_page(page_address)
    grey = photo("grey.png", Image.new("L", (48, 48), 128))
    page.set_input_files("#files", [grey | {"name": f"{i}.png"} for i in range(52)])
    finished(page, "No face found")
    assert page.locator("#strip button").count() == 50
    page.click("#remove")
    assert page.locator("#strip button").count() == 49
    assert "2 files were left out" in page.inner_text("#notice")
    assert [each["file"] for each in lines(page)] == [f"{i}.png" for i in range(1, 50)]


def test_a_busy_server_is_asked_again(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address)
    tries = []

    def answer(route: Any) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "busy"})
        else:
            route.continue_()

    page.route("**/v1/detect*", answer)
    page.set_input_files("#files", astronaut)
    page.get_by_text("The server is busy").wait_for()
    shown(page, 1)
    assert len(tries) == 2


def test_a_photo_is_taken_with_the_camera(open_page: OpenPage, page_address: str) -> None:
    page = open_page(page_address)
    page.click("#open-camera")
    page.locator("#take:enabled").click()
    page.get_by_role("heading", name="camera-1.jpg").wait_for()
    finished(page, "No face found")


def test_the_phone_view_fits_and_takes_a_finger(
    open_page: OpenPage, page_address: str, astronaut: dict[str, Any]
) -> None:
    page = open_page(page_address, has_touch=True, is_mobile=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_input_files("#files", [astronaut, astronaut | {"name": "again.jpg"}])
    finished(page, "Done")
    face = shown(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    stage = page.locator("#stage").bounding_box()
    assert stage["x"] >= 0
    assert stage["x"] + stage["width"] <= 390
    face.tap()
    assert face.get_attribute("aria-checked") == "false"
    page.tap("#next")
    page.get_by_role("heading", name="again.jpg").wait_for()


@pytest.mark.slow
def test_a_very_large_photo_keeps_its_coordinates(open_page: OpenPage, page_address: str) -> None:
    page = open_page(page_address)
    large = photo("large.jpg", Image.fromarray(data.astronaut()).resize((5120, 5120)))
    page.set_input_files("#files", large)
    finished(page, "Done")
    shown(page, 1)
    (line,) = lines(page)
    assert (line["width"], line["height"]) == (5120, 5120)
    small = expected_box(photo("small.png", Image.fromarray(data.astronaut())))
    assert line["faces"][0]["box"] == pytest.approx(small * 10, abs=40)
