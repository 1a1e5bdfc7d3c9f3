"""Baselines: how they are named, the word on absent ones, and what is made of their answers."""

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
    KINDS,
    BaselineError,
    DetectorName,
    open_baseline,
    parse_name,
    parse_names,
)
from facesmith.evaluation.baselines.dlib_hog import DlibHog
from facesmith.evaluation.baselines.mediapipe_faces import MediaPipeFaces
from facesmith.evaluation.baselines.mtcnn import MTCNN
from facesmith.evaluation.baselines.opencv import OpenCVHaar, OpenCVYuNet, scores_of_sums
from facesmith.evaluation.baselines.yunet import YuNet
from facesmith.faces import Faces
from spot_detector import SPOT_SCORE, spots

ROOT = Path(__file__).parents[2]
BASELINES = Path(os.environ.get("FACESMITH_BASELINES", ROOT.parent / "shared" / "peers"))
IMAGE = np.zeros((60, 80, 3), np.uint8)


def put(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> ModuleType:
    """A package that holds just this, to be imported instead of the real one."""
    module = ModuleType(name)
    module.__file__ = str(ROOT / "nowhere" / "__init__.py")
    for key, value in content.items():
        setattr(module, key, value)
    monkeypatch.setitem(sys.modules, name, module)
    return module


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("facesmith", DetectorName("facesmith", "facesmith")),
        ("facesmith:runs/mine", DetectorName("mine", "facesmith", Path("runs/mine"))),
        ("yunet:a/yunet_n.onnx", DetectorName("yunet_n", "yunet", Path("a/yunet_n.onnx"))),
        ("small=yunet:a/s.onnx", DetectorName("small", "yunet", Path("a/s.onnx"))),
        ("yunet:a/x=1.onnx", DetectorName("x=1", "yunet", Path("a/x=1.onnx"))),
        ("yunet:C:/w/n.onnx", DetectorName("n", "yunet", Path("C:/w/n.onnx"))),
        ("Viola and Jones=opencv-haar", DetectorName("Viola and Jones", "opencv-haar")),
    ],
)
def test_a_detector_is_label_kind_and_path(text, expected):
    assert parse_name(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("retina", "KIND is one of facesmith,.* got the kind 'retina'"),
        ("facesmith=runs/mine", "Did you mean facesmith:runs/mine?"),
        ("yunet", "yunet needs its weights file. Write yunet:PATH"),
        ("yunet:", "the label or the path is empty"),
        ("=facesmith", "the label or the path is empty"),
        ("dlib:hog.dat", "dlib brings its weights along. Write dlib alone"),
    ],
)
def test_a_name_that_is_none_says_what_is_expected(text, message):
    with pytest.raises(BaselineError, match=message):
        parse_name(text)


def test_all_stands_for_those_that_need_no_file():
    names = parse_names(["all", "yunet:yunet_n.onnx"])
    assert [name.label for name in names] == [
        "facesmith", "opencv-haar", "mtcnn", "mediapipe", "dlib", "yunet_n",
    ]  # fmt: skip
    assert [name.optional for name in names] == [False, True, True, True, True, False]
    assert all(KINDS[name.kind][0] != "needed" for name in names[:-1])
    assert not parse_names(["dlib", "all"])[0].optional, "it is named, too"


def test_two_detectors_of_one_label_are_refused():
    with pytest.raises(BaselineError, match=r"Two detectors are called n. Name one as LABEL="):
        parse_names(["yunet:a/n.onnx", "yunet:b/n.onnx"])


@pytest.mark.parametrize(
    ("kind", "module", "message"),
    [
        ("opencv-haar", "cv2", "'cv2' is not installed.*opencv-python-headless<5"),
        ("opencv-yunet", "cv2", "'cv2' is not installed.*pip install opencv-python-headless"),
        ("mtcnn", "facenet_pytorch", "not installed.*pip install --no-deps facenet-pytorch"),
        ("mediapipe", "mediapipe", "not installed.*pip install mediapipe"),
        ("dlib", "dlib", "not installed.*pip install dlib-bin"),
    ],
)
def test_an_absent_package_says_what_to_install(monkeypatch, kind, module, message):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BaselineError, match=message):
        open_baseline(DetectorName(kind, kind, Path("x.onnx")))


def test_a_package_that_lacks_another_names_that_one(monkeypatch, tmp_path):
    (tmp_path / "dlib.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dlib", raising=False)
    with pytest.raises(BaselineError, match="'dlib' needs the package 'no_such_package_at_all'"):
        DlibHog()


def test_a_package_that_does_not_load_says_why(monkeypatch, tmp_path):
    (tmp_path / "dlib.py").write_text("raise RuntimeError('operator nms does not exist')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dlib", raising=False)
    with pytest.raises(BaselineError, match=r"does not load \(operator nms does not exist"):
        DlibHog()


@pytest.mark.parametrize("kind", ["yunet", "opencv-yunet", "mediapipe"])
def test_a_missing_weights_file_is_named(monkeypatch, tmp_path, kind):
    put(monkeypatch, "cv2", setNumThreads=lambda _: None, FaceDetectorYN=None)
    put(monkeypatch, "mediapipe")
    with pytest.raises(BaselineError, match=r"gone.onnx: no such file; expected"):
        open_baseline(DetectorName(kind, kind, tmp_path / "gone.onnx"))


def test_opencv_5_without_cascades_says_which_version_has_them(monkeypatch):
    put(monkeypatch, "cv2", __version__="5.0.0", setNumThreads=lambda _: None)
    with pytest.raises(BaselineError, match=r"OpenCV 5.0.0 has no Haar.*opencv-python-headless<5"):
        OpenCVHaar()


def test_mediapipe_without_a_model_says_how_to_name_one(monkeypatch):
    put(monkeypatch, "mediapipe", __version__="1.2.3", tasks=None)
    with pytest.raises(
        BaselineError, match=r"MediaPipe 1.2.3 comes without a model.*mediapipe:PATH"
    ):
        MediaPipeFaces()


def test_haar_boxes_become_faces(monkeypatch, tmp_path):
    threads = []
    answer = (np.int32([[10, 20, 30, 40], [5, 5, 20, 20]]), np.int32([25, 25]), [1.0, 3.0])
    cascade = SimpleNamespace(detectMultiScale3=lambda _, **__: answer)
    (tmp_path / "haarcascade_frontalface_default.xml").touch()
    put(
        monkeypatch, "cv2", __version__="4.14.0", setNumThreads=threads.append,
        CascadeClassifier=lambda _: cascade, data=SimpleNamespace(haarcascades=str(tmp_path)),
        COLOR_BGR2GRAY=6, cvtColor=lambda image, _: image[..., 0],
    )  # fmt: skip
    haar = OpenCVHaar(threads=2)
    assert threads == [2]
    # A sum of 1 is worth (1 + 1/2) / 2 = 3/4, one of 3 (1 + 3/4) / 2 = 7/8.
    found = haar(IMAGE)
    assert found.boxes.tolist() == [[5, 5, 25, 25], [10, 20, 40, 60]], "best first"
    assert found.scores == pytest.approx([7 / 8, 3 / 4])
    assert len(haar(IMAGE, min_score=0.8)) == 1


def test_scores_of_a_cascade_order_as_its_sums():
    sums = np.random.default_rng(2).normal(0, 20, 300)
    scores = scores_of_sums(sums)
    assert np.argsort(scores).tolist() == np.argsort(sums).tolist()
    assert len(np.unique(np.float32(scores))) == 300
    assert ((scores > 0) & (scores < 1)).all()


def test_opencv_yunet_rows_become_faces(monkeypatch, tmp_path):
    asked: dict[str, Any] = {}
    row = np.zeros((1, 15), np.float32)
    row[0, [0, 1, 2, 3, 14]] = -4, 10, 20, 30, 1.0000001  # x, y, width, height, score

    class Yn:
        def setInputSize(self, size_wh):  # noqa: N802 - OpenCV's name
            asked["size_wh"] = size_wh

        def setScoreThreshold(self, score):  # noqa: N802
            asked["score"] = score

        def detect(self, image):
            return 1, row if image.shape == IMAGE.shape else None

    path = tmp_path / "n.onnx"
    path.touch()
    put(
        monkeypatch, "cv2", __version__="5.0.0", setNumThreads=lambda _: None, error=OSError,
        FaceDetectorYN=SimpleNamespace(create=lambda *_: Yn()),
    )  # fmt: skip
    detector = OpenCVYuNet(path)
    assert detector(np.zeros((9, 9, 3), np.uint8)) == Faces.empty()
    assert detector(IMAGE, min_score=0.1) == Faces(np.float32([[0, 10, 16, 40]]), np.float32([1]))
    assert asked == {"size_wh": (80, 60), "score": 0.1}


def test_dlib_rectangles_hold_their_last_pixel(monkeypatch):
    asked = []
    corners = [10, 12, 29, 31]
    box = SimpleNamespace(
        **{side: lambda v=v: v for side, v in zip("left top right bottom".split(), corners)}  # noqa: B905, SIM905
    )

    def run(rgb, upsample, margin):
        asked.append((rgb[0, 0].tolist(), upsample, margin))
        return [box], [0.0], [0]

    put(monkeypatch, "dlib", get_frontal_face_detector=lambda: SimpleNamespace(run=run))
    detector = DlibHog()
    image = IMAGE.copy()
    image[0, 0] = 1, 2, 3
    # A distance of 0 from the plane is the sigmoid's 0.5, which is the own threshold.
    assert detector(image) == Faces(np.float32([[10, 12, 30, 32]]), np.float32([0.5]))
    assert len(detector(image, min_score=0.6)) == 0
    detector(image, min_score=0.02)
    assert [each[0] for each in asked] == [[3, 2, 1]] * 3, "RGB"
    assert [each[2] for each in asked] == pytest.approx([0, np.log(0.6 / 0.4), -1])


def test_mtcnn_gets_rgb_threads_and_the_threshold_of_its_last_net(monkeypatch):
    threads, seen = [], []

    class Fake:
        min_face_size = 20
        thresholds = [0.6, 0.7, 0.7]  # noqa: RUF012 - as the package has it

        def __init__(self, **options):
            assert options == {"keep_all": True, "device": "cpu"}

        def detect(self, rgb):
            seen.append((rgb[0, 0].tolist(), list(self.thresholds)))
            if self.thresholds[2] > 0.5:
                return None, [None]
            return np.float32([[1, 2, 11, 22], [-5, 0, 10, 10]]), np.float32([0.6, 0.9])

    put(monkeypatch, "torch", set_num_threads=threads.append)
    put(monkeypatch, "facenet_pytorch", MTCNN=Fake)
    detector = MTCNN(threads=3)
    image = IMAGE.copy()
    image[0, 0] = 1, 2, 3
    assert detector(image) == Faces.empty()
    found = detector(image, min_score=0.1)
    assert found.boxes.tolist() == [[0, 0, 10, 10], [1, 2, 11, 22]], "best first, clipped"
    assert threads == [3]
    assert seen == [([3, 2, 1], [0.6, 0.7, 0.7]), ([3, 2, 1], [0.6, 0.7, 0.1])]
    assert detector(np.zeros((9, 90, 3), np.uint8)) == Faces.empty()


def test_mediapipe_tasks_and_solutions_give_the_same_faces(monkeypatch, tmp_path):
    opened = []

    def create(options):
        opened.append(options.min_detection_confidence)
        box = SimpleNamespace(origin_x=8, origin_y=6, width=40, height=30)
        face = SimpleNamespace(bounding_box=box, categories=[SimpleNamespace(score=0.75)])
        return SimpleNamespace(detect=lambda _: SimpleNamespace(detections=[face]))

    class Solution:
        def __init__(self, **options):
            opened.append(options["min_detection_confidence"])

        def process(self, rgb):
            box = SimpleNamespace(xmin=0.1, ymin=0.1, width=0.5, height=0.5)
            face = SimpleNamespace(
                location_data=SimpleNamespace(relative_bounding_box=box), score=[0.75]
            )
            return SimpleNamespace(detections=[face] if rgb.shape == IMAGE.shape else None)

    vision = SimpleNamespace(
        FaceDetectorOptions=SimpleNamespace,
        FaceDetector=SimpleNamespace(create_from_options=create),
    )
    put(
        monkeypatch, "mediapipe",
        tasks=SimpleNamespace(vision=vision, BaseOptions=lambda **_: None),
        solutions=SimpleNamespace(face_detection=SimpleNamespace(FaceDetection=Solution)),
        Image=lambda **_: None, ImageFormat=SimpleNamespace(SRGB=1),
    )  # fmt: skip
    model = tmp_path / "short.tflite"
    model.write_bytes(b"model")
    expected = Faces(np.float32([[8, 6, 48, 36]]), np.float32([0.75]))
    for detector in (MediaPipeFaces(model), MediaPipeFaces()):
        opened.clear()
        assert detector(IMAGE) == detector(IMAGE, min_score=0.1) == detector(IMAGE) == expected
        assert opened == [0.1], "one detector a threshold; that of 0.5 was opened at once"


@pytest.fixture(scope="module")
def spot_yunet(tmp_path_factory) -> Path:
    """A YuNet whose answers can be worked out: a white cell of 8x8 pixels is a face.

    Class and object are a cell's mean grey at stride 8 and 0 at the others; all four numbers of a
    box are 0, so it has the side of the stride and its centre in the cell's upper left corner.
    Of its points, the second is a white cell's side to the right and the third as much below.
    """
    onnx = pytest.importorskip("onnx")
    make = onnx.helper.make_node
    number = onnx.numpy_helper.from_array
    nodes = [make("ReduceMean", ["input", "channels"], ["grey"], keepdims=1)]
    values = [number(np.int64([1]), "channels"), number(np.float32(1 / 255), "unit"),
              number(np.float32(0), "zero"), number(np.int64([1, -1, 1]), "column"),
              number(np.int64([1, -1, 4]), "table"),
              number(np.int64([1, -1, 10]), "points")]  # fmt: skip
    outputs = []
    for s in (8, 16, 32):
        nodes += [
            make("AveragePool", ["grey"], [f"m{s}"], kernel_shape=[s, s], strides=[s, s]),
            make("Mul", [f"m{s}", "unit" if s == 8 else "zero"], [f"v{s}"]),
            make("Reshape", [f"v{s}", "column"], [f"cls_{s}"]),
            make("Identity", [f"cls_{s}"], [f"obj_{s}"]),
            make("Mul", [f"m{s}", "zero"], [f"z{s}"]),
            make("Concat", [f"z{s}"] * 4, [f"b{s}"], axis=1),
            make("Reshape", [f"b{s}", "table"], [f"bbox_{s}"]),
            make("Concat", [f"{kind}{s}" for kind in "zzvzzvzzzz"], [f"k{s}"], axis=1),
            make("Transpose", [f"k{s}"], [f"t{s}"], perm=[0, 2, 3, 1]),
            make("Reshape", [f"t{s}", "points"], [f"kps_{s}"]),
        ]
        for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            shape = [1, None, width]
            outputs.append(onnx.helper.make_tensor_value_info(f"{kind}_{s}", 1, shape))
    image = onnx.helper.make_tensor_value_info("input", 1, [1, 3, None, None])
    graph = onnx.helper.make_graph(nodes, "spots", [image], outputs, values)
    opsets = [onnx.helper.make_opsetid("", 18)]
    path = tmp_path_factory.mktemp("yunet") / "spots.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def test_yunet_decodes_boxes(spot_yunet):
    detector = YuNet(spot_yunet)
    # 70x45 is padded to 96x64; the spot's cell begins at (16, 24): 4 pixels to each side of that.
    found = detector(spots(70, 45, (16, 24)))
    assert found.boxes.tolist() == [[12, 20, 20, 28]]
    assert found.scores == pytest.approx([1], abs=1e-3)
    grey = spots(70, 45, (16, 24)) // 2  # 127 / 255 = 0.498, the mean of twice the same
    assert len(detector(grey)) == 0
    assert detector(grey, min_score=0.4).scores == pytest.approx([127 / 255])
    assert detector(np.zeros((1, 1, 3), np.uint8)) == Faces.empty()
    clipped = detector(spots(64, 64, (0, 0)))
    assert clipped.boxes.tolist() == [[0, 0, 4, 4]]


def test_yunet_gives_the_points_of_the_faces_that_it_keeps(spot_yunet):
    detector = YuNet(spot_yunet)
    image = spots(70, 45, (16, 24)) // 2 + spots(70, 45, (48, 8))
    found, points = detector.with_points(image, min_score=0.4)
    assert found == detector(image, min_score=0.4)
    assert found.boxes.tolist() == [[44, 4, 52, 12], [12, 20, 20, 28]], "best first"
    assert points[0].tolist() == [[48, 8], [56, 8], [48, 16], [48, 8], [48, 8]]
    assert points[1, :, 0] == pytest.approx([16, 16 + 8 * 127 / 255, 16, 16, 16], abs=0.1)
    assert detector.with_points(np.zeros((9, 9, 3), np.uint8))[1].shape == (0, 5, 2)


def test_a_yunet_without_points_says_so(spot_yunet, tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(spot_yunet)
    kept = [output for output in model.graph.output if not output.name.startswith("kps")]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    path = tmp_path / "without.onnx"
    onnx.save(model, path)
    image = spots(70, 45, (16, 24))
    assert YuNet(path)(image) == YuNet(spot_yunet)(image)
    with pytest.raises(BaselineError, match="has no points: no outputs kps_8"):
        YuNet(path).with_points(image)


def test_files_that_are_no_yunet_are_named(tmp_path, spot_weights):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(BaselineError, match=r"broken.onnx is not a usable ONNX file"):
        YuNet(broken)
    with pytest.raises(BaselineError, match=r"expected the weights of a YuNet.* found no bbox_16"):
        YuNet(spot_weights)


def test_ours_is_the_detector_itself(spot_weights):
    ours = open_baseline(DetectorName("ours", "facesmith", spot_weights))
    found = ours(spots(160, 120, (40, 32)))
    assert found.boxes.round(3).tolist() == [[28, 20, 60, 52]]
    assert found.scores == pytest.approx([SPOT_SCORE], abs=1e-4)
    assert ours.weights_paths == (spot_weights,), "no refiner"
    shipped = open_baseline(DetectorName("shipped", "facesmith"))
    assert [path.name for path in shipped.weights_paths] == ["detector.onnx", "refiner.onnx"]
    proposals = open_baseline(DetectorName("p", "facesmith-proposals", spot_weights.parent))
    assert proposals(spots(160, 120, (40, 32))).boxes.round(3).tolist() == [[28, 20, 60, 52]]
    with pytest.raises(ValueError, match="`threads` must be at least 1"):
        open_baseline(DetectorName("ours", "facesmith"), 0)


@pytest.mark.parametrize("name", ["yunet_n.onnx", "yunet_s.onnx"])
def test_the_real_yunet_finds_the_astronaut(name):
    """Where facesmith finds her, too: two detectors that share nothing but the photo."""
    if not (BASELINES / name).is_file():
        pytest.skip(f"no {name}: set FACESMITH_BASELINES")
    image = np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])
    found, points = YuNet(BASELINES / name).with_points(image)
    ours = open_baseline(DetectorName("facesmith", "facesmith"))(image)
    assert len(found) == len(ours) == 1
    assert box_iou(found.boxes, ours.boxes)[0, 0] > 0.5
    assert ((points >= found.boxes[:, None, :2]) & (points <= found.boxes[:, None, 2:])).all()


def test_the_real_yunet_for_opencv_is_told_apart():
    path = BASELINES / "yunet_n_640_for_opencv.onnx"
    if not path.is_file():
        pytest.skip("no YuNet for OpenCV: set FACESMITH_BASELINES")
    with pytest.raises(BaselineError, match=r"fixed input 640x640. OpenCV takes such a file"):
        YuNet(path)
