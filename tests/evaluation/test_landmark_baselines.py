"""Detectors of others that give five points: what is made of their answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesmith.boxes import box_iou
from facesmith.evaluation.baselines import (
    BaselineError,
    DetectorName,
    PointsInBoxes,
    open_landmark_baseline,
)
from facesmith.evaluation.baselines.mediapipe_mesh import MediaPipeMesh
from facesmith.evaluation.baselines.scrfd import SCRFD
from facesmith.evaluation.baselines.yunet import YuNet
from facesmith.faces import Faces
from landmark_networks import FIXED, export_fixed
from spot_detector import export_spot_detector, spots

ROOT = Path(__file__).parents[2]
BASELINES = Path(os.environ.get("FACESMITH_BASELINES", ROOT.parent / "shared" / "peers"))


def export_scrfd(path: Path, sides: tuple[Any, Any] = (None, None), *, points: bool = True) -> Path:
    """Write an SCRFD whose answers can be worked out: a white cell of 8x8 pixels is a face.

    The first anchor of a cell scores its mean pixel, 127.5 / 128 for white, at stride 8, the second
    and all other strides 0. All sides lie 0.5 strides away. Of the points, the second is a white
    cell's side to the right of the cell's upper left corner and the third as much below.
    """
    onnx = pytest.importorskip("onnx")
    make, number = onnx.helper.make_node, onnx.numpy_helper.from_array
    nodes = [make("ReduceMean", ["input", "channels"], ["mean"], keepdims=1),
             make("Relu", ["mean"], ["light"])]  # fmt: skip
    values = [number(np.int64([1]), "channels"), number(np.float32(1), "one"),
              number(np.float32(0), "zero"), number(np.float32(0.5), "half")]  # fmt: skip
    kinds = {"score": 1, "bbox": 4} | ({"kps": 10} if points else {})
    values += [number(np.int64([-1, n]), f"{kind}_rows") for kind, n in kinds.items()]
    for s in (8, 16, 32):
        nodes += [
            make("AveragePool", ["light"], [f"m{s}"], kernel_shape=[s, s], strides=[s, s]),
            make("Mul", [f"m{s}", "one" if s == 8 else "zero"], [f"v{s}"]),
            make("Mul", [f"m{s}", "zero"], [f"z{s}"]),
            make("Add", [f"z{s}", "half"], [f"h{s}"]),
        ]
        parts = {"score": "vz", "bbox": "h" * 8, "kps": "zzvzzvzzzz" + "z" * 10}
        for kind in kinds:
            channels = [f"{each}{s}" for each in parts[kind]]
            nodes += [
                make("Concat", channels, [f"{kind}{s}"], axis=1),
                make("Transpose", [f"{kind}{s}"], [f"{kind}t{s}"], perm=[0, 2, 3, 1]),
                make("Reshape", [f"{kind}t{s}", f"{kind}_rows"], [f"{kind}_{s}"]),
            ]
    outputs = [
        onnx.helper.make_tensor_value_info(f"{kind}_{s}", 1, [None, n])
        for kind, n in kinds.items()
        for s in (8, 16, 32)
    ]
    image = onnx.helper.make_tensor_value_info("input", 1, [1, 3, *sides])
    graph = onnx.helper.make_graph(nodes, "spots", [image], outputs, values)
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def test_scrfd_decodes_boxes_and_points(tmp_path: Path) -> None:
    """70x45 is padded to 96x64; the spot's cell begins at (16, 24)."""
    detector = SCRFD(export_scrfd(tmp_path / "scrfd.onnx"))
    image = spots(70, 45, (16, 24))
    found = detector.with_landmarks(image)
    assert found.boxes.tolist() == [[12, 20, 20, 28]]
    assert found.scores == pytest.approx([127.5 / 128], abs=1e-3)
    assert found.landmarks is not None
    right = 16 + 8 * 127.5 / 128
    assert found.landmarks[0, :, 0] == pytest.approx([16, right, 16, 16, 16])
    assert found.landmarks[0, :, 1] == pytest.approx([24, 24, right + 8, 24, 24])
    assert detector(image) == Faces(found.boxes, found.scores)
    assert len(detector(image // 2, min_score=0.4)) == 0, "grey is 0"
    assert detector.with_landmarks(image // 2).landmarks is not None
    assert detector(np.zeros((1, 1, 3), np.uint8)) == Faces.empty()


def test_scrfd_with_a_fixed_input_sees_photos_enlarged_to_fit(tmp_path: Path) -> None:
    """32x32 pixels in an input of 64x96: twice as large, so a spot of 8 fills four cells."""
    detector = SCRFD(export_scrfd(tmp_path / "scrfd.onnx", (64, 96)))
    image = np.zeros((32, 32, 3), np.uint8)
    image[8:24, 8:24] = 255
    found = detector.with_landmarks(image, min_score=0.9)
    assert len(found) >= 4
    assert found.landmarks is not None
    first = found.boxes.tolist().index([10, 10, 14, 14])  # the cell at (24, 24) of the input
    assert found.landmarks[first, 0].tolist() == [12, 12]
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[8:16, 8:16] = 255
    assert detector(wide).boxes.tolist() == [[4, 4, 12, 12]], "as it is"


def test_an_scrfd_without_points_finds_faces_only(tmp_path: Path) -> None:
    path = export_scrfd(tmp_path / "scrfd.onnx", points=False)
    detector = SCRFD(path)
    assert not detector.has_landmarks
    assert detector(spots(70, 45, (16, 24))).boxes.tolist() == [[12, 20, 20, 28]]
    assert detector.with_landmarks(spots(70, 45, (16, 24))).landmarks is None
    with pytest.raises(BaselineError, match="n: its weights find no landmarks"):
        open_landmark_baseline(DetectorName("n", "scrfd", path))


def test_files_that_are_no_scrfd_are_named(tmp_path: Path, spot_weights: Path) -> None:
    with pytest.raises(BaselineError, match=r"no.onnx: no such file; expected the weights of an S"):
        SCRFD(tmp_path / "no.onnx")
    with pytest.raises(BaselineError, match="expected the weights of an SCRFD"):
        SCRFD(spot_weights)


def test_kinds_without_points_and_weights_without_them_are_refused(tmp_path: Path) -> None:
    weights = export_spot_detector(tmp_path / "detector.onnx")
    with pytest.raises(BaselineError, match="the kind facesmith-proposals finds no five landmarks"):
        open_landmark_baseline(DetectorName("p", "facesmith-proposals", weights))
    with pytest.raises(BaselineError, match=r"not without landmarks\.onnx"):
        open_landmark_baseline(DetectorName("p", "facesmith", weights))


def test_ours_finds_points_in_its_own_boxes_and_in_given_ones(tmp_path: Path) -> None:
    weights = export_spot_detector(tmp_path / "detector.onnx")
    export_fixed(tmp_path / "landmarks.onnx")
    ours = open_landmark_baseline(DetectorName("ours", "facesmith", weights))
    image = spots(160, 120, (40, 32))
    found = ours.with_landmarks(image)
    assert found.boxes.round(3).tolist() == [[28, 20, 60, 52]]
    # A patch is 1.5 times as wide as the longer side, 48 pixels about (44, 36).
    expected = np.array([44, 36]) + 48 * np.array(FIXED)
    assert found.landmarks is not None
    np.testing.assert_allclose(found.landmarks[0], expected, atol=0.01)
    assert isinstance(ours, PointsInBoxes)
    boxes = np.array([[28, 20, 60, 52]], np.float32)
    np.testing.assert_allclose(ours.landmarks_in(image, boxes)[0], expected, atol=0.01)


@pytest.mark.parametrize("name", ["yunet_n.onnx", "yunet_s.onnx"])
def test_the_real_yunet_and_its_landmarks(name: str) -> None:
    if not (BASELINES / name).is_file():
        pytest.skip(f"no {name}: set FACESMITH_BASELINES")
    image = np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])
    detector = YuNet(BASELINES / name)
    found = open_landmark_baseline(DetectorName("y", "yunet", BASELINES / name)).with_landmarks(
        image
    )
    assert box_iou(found.boxes, detector(image).boxes)[0, 0] == 1
    assert found.landmarks is not None
    eyes, mouth = found.landmarks[0, :2], found.landmarks[0, 3:]
    assert eyes[0, 0] < eyes[1, 0], "her right eye is on the left"
    assert eyes[:, 1].max() < mouth[:, 1].min()


def test_five_points_of_mediapipes_mesh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By Tasks and Solutions alike: eyes are the middle of their corners."""
    mesh = [SimpleNamespace(x=0.5, y=0.5) for _ in range(478)]
    for place, (x, y) in {
        33: (0.2, 0.3), 133: (0.4, 0.3), 362: (0.6, 0.3), 263: (0.8, 0.4), 1: (0.5, 0.6),
        61: (0.3, 0.8), 291: (0.7, 0.9), 10: (0.5, 0.1),
    }.items():  # fmt: skip
        mesh[place] = SimpleNamespace(x=x, y=y)

    def create(options: Any) -> SimpleNamespace:
        assert options.min_face_detection_confidence == 0.5
        return SimpleNamespace(detect=lambda _: SimpleNamespace(face_landmarks=[mesh]))

    class Solution:
        def __init__(self, **options: Any) -> None:
            assert options["static_image_mode"]

        def process(self, rgb: Any) -> SimpleNamespace:
            faces = [SimpleNamespace(landmark=mesh)] if rgb.shape[0] == 60 else None
            return SimpleNamespace(multi_face_landmarks=faces)

    vision = SimpleNamespace(
        FaceLandmarkerOptions=SimpleNamespace,
        FaceLandmarker=SimpleNamespace(create_from_options=create),
    )
    package = ModuleType("mediapipe")
    for key, value in {
        "__version__": "1.0",
        "tasks": SimpleNamespace(vision=vision, BaseOptions=lambda **_: None),
        "Image": lambda **_: None,
        "ImageFormat": SimpleNamespace(SRGB=1),
    }.items():
        setattr(package, key, value)
    monkeypatch.setitem(sys.modules, "mediapipe", package)
    with pytest.raises(BaselineError, match=r"1\.0 comes without a model.*mediapipe-mesh:PATH"):
        MediaPipeMesh()
    package.solutions = SimpleNamespace(  # type: ignore[attr-defined]
        face_mesh=SimpleNamespace(FaceMesh=Solution)
    )
    model = tmp_path / "face_landmarker.task"
    model.write_bytes(b"model")
    for detector in (MediaPipeMesh(model), MediaPipeMesh()):
        found = detector.with_landmarks(np.zeros((60, 80, 3), np.uint8))
        np.testing.assert_allclose(found.boxes, [[16, 6, 64, 54]], atol=1e-4)
        assert found.landmarks is not None
        np.testing.assert_allclose(
            found.landmarks[0], [[24, 18], [56, 21], [40, 36], [24, 48], [56, 54]], atol=1e-4
        )
        assert detector(np.zeros((60, 80, 3), np.uint8)).landmarks is None
    assert len(MediaPipeMesh().with_landmarks(np.zeros((9, 9, 3), np.uint8))) == 0


def test_mediapipe_that_is_absent_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(BaselineError, match=r"not installed.*pip install mediapipe"):
        open_landmark_baseline(DetectorName("m", "mediapipe-mesh"))
