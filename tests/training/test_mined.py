"""Mined boxes in a training: how often they are seen, where crops are cut, and exact resume."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

torch = pytest.importorskip("torch")

from facesmith.annotations import AnnotatedPhoto  # noqa: E402
from facesmith.cli import main  # noqa: E402
from facesmith.curation.hard_negatives import mined_checksum, read_mined, write_mined  # noqa: E402
from facesmith.errors import TrainingError  # noqa: E402
from facesmith.networks.detector import DetectorNetConfig  # noqa: E402
from facesmith.training import detector as detector_training  # noqa: E402
from facesmith.training.crops import CropConfig, draw_crop  # noqa: E402
from facesmith.training.detector import train_detector  # noqa: E402
from facesmith.training.detector_config import DetectorConfig  # noqa: E402
from facesmith.training.learned_photos import split_photos  # noqa: E402
from facesmith.training.mined import MinedConfig, MinedTraining, PlacedBoxes  # noqa: E402
from facesmith.training.own_mining import OwnMiningConfig  # noqa: E402
from facesmith.training.proposals import ProposalConfig, ProposalTask  # noqa: E402
from facesmith.training.refiner_config import RefinerConfig  # noqa: E402
from facesmith.training.refiner_patches import collect_patches  # noqa: E402
from facesmith.training.sampling import draw_rows  # noqa: E402
from fixed_proposals import OnePhoto, Proposer  # noqa: E402
from mined_photos import mined_box, photo  # noqa: E402
from mortal_training import Mortal  # noqa: E402


def unread(name: str, *boxes: tuple[float, ...], ignored: tuple[int, ...] = ()) -> AnnotatedPhoto:
    """A photo of 300x200 that nobody reads."""
    return AnnotatedPhoto(
        Path(name), np.float32(boxes).reshape(-1, 4), np.isin(np.arange(len(boxes)), ignored),
        name, 300, 200,
    )  # fmt: skip


def placed(n: int, **config: float) -> PlacedBoxes:
    """A box in each of `n` photos."""
    boxes = tuple(mined_box(file=f"{i}.png") for i in range(n))
    return PlacedBoxes(
        MinedTraining(boxes, MinedConfig(**config)),  # type: ignore[arg-type]
        [unread(f"{i}.png") for i in range(n)],
    )


class TestDraw:
    def test_the_share_is_kept_and_no_box_is_preferred(self):
        chosen = placed(40, share=0.15).draw(1000, seed=3, epoch=2)
        shown = Counter(chosen[chosen >= 0].tolist())
        # 150 crops of 40 boxes: thirty boxes four times, ten three times.
        assert sum(shown.values()) == 150
        assert Counter(shown.values()) == {4: 30, 3: 10}

    def test_few_boxes_are_not_learned_by_heart(self):
        chosen = placed(3, share=0.5, max_each=4).draw(1000, seed=0, epoch=0)
        assert (chosen >= 0).sum() == 12

    def test_it_depends_on_seed_and_epoch_alone(self):
        boxes = placed(9)
        first = boxes.draw(200, seed=1, epoch=5)
        boxes.draw(200, seed=8, epoch=1)
        assert np.array_equal(boxes.draw(200, seed=1, epoch=5), first)
        assert not np.array_equal(boxes.draw(200, seed=1, epoch=6), first)
        assert not np.array_equal(boxes.draw(200, seed=2, epoch=5), first)

    def test_tiny_epochs(self):
        assert placed(2).draw(0, 0, 0).tolist() == []
        assert placed(2).draw(3, 0, 0).tolist() == [-1, -1, -1]  # 0.45 crops

    def test_the_order_of_a_file_and_its_scores_do_not_matter(self):
        boxes = [mined_box(file=f"{i}.png", score=i / 10) for i in range(5)]
        photos = [unread(f"{i}.png") for i in range(5)]
        one, two = (PlacedBoxes(MinedTraining(tuple(b)), photos) for b in (boxes, boxes[::-1]))
        assert one.rows.tolist() == two.rows.tolist() == [0, 1, 2, 3, 4]


class TestPlaced:
    def test_boxes_that_are_of_no_use_are_counted(self):
        boxes = tuple(mined_box(file=name) for name in ("a", "held", "gone", "face", "crowd"))
        photos = [
            unread("a", (0, 0, 50, 50)),
            unread("face", (95, 60, 140, 100)),
            unread("crowd", (0, 0, 300, 200), ignored=(0,)),
        ]
        found = PlacedBoxes(MinedTraining(boxes), photos)
        assert found.rows.tolist() == [0]
        assert found.summary([unread("held")]) == (
            "Mined boxes: 1 in 1 photo; not used: 1 in photos held out, 1 in photos that are not "
            "part of the training, 2 that overlap an annotated box by now."
        )

    def test_boxes_of_other_photos_are_refused(self):
        with pytest.raises(TrainingError, match=r"None of the 1 mined boxes .* is in a\.png"):
            PlacedBoxes(MinedTraining((mined_box(),)), [unread("b.png")])
        with pytest.raises(TrainingError, match="None of the 0 mined boxes"):
            PlacedBoxes(MinedTraining(()), [unread("b.png")])

    def test_a_photo_that_has_changed_is_refused(self):
        changed = mined_box(file="b.png", size_wh=(150, 100), box=(1.0, 1.0, 20.0, 20.0))
        with pytest.raises(TrainingError, match="had 150x100 pixels when it was mined and"):
            PlacedBoxes(MinedTraining((changed,)), [unread("b.png")])

    def test_boxes_follow_a_reduced_photo(self):
        found = placed(1).boxes_in(0, (150, 100))
        assert found.tolist() == [[50, 30, 70, 50]]
        assert placed(2).boxes_in(1, (300, 200)).tolist() == [[100, 60, 140, 100]]


class TestView:
    @pytest.mark.parametrize("size_wh", [(300, 200), (150, 100)])
    def test_the_box_lies_in_the_crop_at_the_scale_at_which_it_was_found(self, size_wh):
        boxes = (mined_box(scale=2.0),)
        found = PlacedBoxes(MinedTraining(boxes, MinedConfig(scale_jitter=0.1)), [unread("a.png")])
        sides = []
        for seed in range(100):
            scale, centre = found.view(0, size_wh, 128, np.random.default_rng(seed))
            box = found.boxes_in(0, size_wh)[0]
            corners = (box - np.tile(centre, 2)) * scale + 64
            assert corners.min() > -0.01
            assert corners.max() < 128.01
            sides.append(corners[2] - corners[0])
        # 40 pixels of the photo at twice the scale, whatever size it is decoded at.
        assert np.median(sides) == pytest.approx(80, rel=0.03)
        assert np.std(np.log(sides)) == pytest.approx(0.1, rel=0.25)

    def test_a_box_larger_than_the_crop_stays_near_its_middle(self):
        found = PlacedBoxes(MinedTraining((mined_box(scale=8.0),)), [unread("a.png")])
        for seed in range(30):
            _, centre = found.view(0, (300, 200), 64, np.random.default_rng(seed))
            assert np.abs(centre - [120, 80]).max() <= 4  # a tenth of its side

    @pytest.mark.parametrize(("side", "scale"), [(128, 2.0), (256, 1.0), (512, 1.0)])
    def test_a_crop_shows_as_much_of_the_photo_as_it_has_room_for(self, side, scale):
        boxes = (mined_box(scale=scale),)
        found = PlacedBoxes(MinedTraining(boxes, MinedConfig(scale_jitter=0.0)), [unread("a.png")])
        shown = np.minimum(side / scale, [300, 200])  # pixels of the photo, across and down
        for seed in range(30):
            _, centre = found.view(0, (300, 200), side, np.random.default_rng(seed))
            low, high = centre - side / scale / 2, centre + side / scale / 2
            visible = np.minimum(high, [300, 200]) - np.maximum(low, 0)
            assert visible == pytest.approx(shown, abs=1e-3)

    def test_crops_are_cut_there(self):
        """The box is blue, and so is what the crop shows where the view puts the box."""
        image = np.full((200, 300, 3), 90, np.uint8)
        image[60:100, 100:140] = (255, 0, 0)
        found = PlacedBoxes(MinedTraining((mined_box(),)), [unread("a.png")])
        config = CropConfig(side=96, rotate=0.0, grey=0.0)
        mirrored = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            scale, centre = found.view(0, (300, 200), 96, rng)
            x_min, y_min, x_max, y_max = (
                np.float32([100, 60, 140, 100]) - np.tile(centre, 2)
            ) * scale + 48
            crop = draw_crop(
                image, np.zeros((0, 4), np.float32), np.zeros(0, bool), rng, config,
                (scale, centre),
            )  # fmt: skip
            blue = crop.image[..., 0].astype(int) - crop.image[..., 2] > 60
            rows = slice(round(y_min + 2), round(y_max - 2))
            straight = blue[rows, round(x_min + 2) : round(x_max - 2)].mean()
            other = blue[rows, round(96 - x_max + 2) : round(96 - x_min - 2)].mean()
            assert max(straight, other) > 0.97
            mirrored += other > straight
        assert 0 < mirrored < 20


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[AnnotatedPhoto]:
    """Grey photos of 128x96; in those of people a light square is the face, others are empty."""
    folder = tmp_path_factory.mktemp("photos")
    made = []
    for i in range(40):
        rng = np.random.default_rng(i)
        image = rng.integers(40, 90, (96, 128, 3)).astype(np.uint8)
        boxes = []
        if i < 28:
            side = int(rng.integers(20, 40))
            x, y = (int(rng.integers(0, limit - side)) for limit in (128, 96))
            image[y : y + side, x : x + side] = 230
            boxes.append((x, y, x + side, y + side))
        else:
            image[30:60, 20:50] = (20, 20, 200)  # blue, since this is RGB
        made.append(photo(folder, f"{i:02d}.png", image, *boxes))
    return made


def mined_of(photos: list[AnnotatedPhoto]) -> MinedTraining:
    """The blue squares of all face-free photos."""
    box = mined_box(size_wh=(128, 96), box=(20.0, 30.0, 50.0, 60.0))
    boxes = tuple(replace(box, file=p.name) for p in photos if not len(p.boxes))
    return MinedTraining(boxes, MinedConfig(share=0.25, max_each=2))


def settings(epochs: int = 2) -> DetectorConfig:
    proposals = ProposalConfig(
        network=DetectorNetConfig((8, 8, 12, 16, 16), (0, 0, 0, 0, 0), (8, 8, 8, 8)),
        crops=CropConfig(side=64, grey=0.0, smallest_face=16, largest_face=50),
        batch_size=8,
        wide_every=3,
        small_until=0.0,
        held_out=0.2,
    )
    # Crops of the size of the photos: larger ones take most of the time.
    crops = replace(RefinerConfig().crops, side=128, smallest_face=16, largest_face=100)
    second = RefinerConfig(batch_size=16, max_per_photo=4, crops=crops)
    loop = replace(
        proposals.loop, epochs=epochs, warmup_steps=2, threads=1, average_decay=0.9,
        checkpoint_steps=2,
    )  # fmt: skip
    return DetectorConfig(
        replace(proposals, loop=loop),
        replace(second, loop=replace(second.loop, epochs=1, threads=1, average_decay=0.9)),
    )


def batches(task: ProposalTask, epoch: int) -> list[Any]:
    return [task.batch(epoch, step) for step in range(task.steps_per_epoch)]


def test_without_mined_boxes_batches_are_those_of_ever(photos):
    """Spelled out: the rows of the epoch, each crop drawn from (seed, epoch, 1 + row, place)."""
    config = settings().proposals
    training, _ = split_photos(photos, config)
    task = ProposalTask(photos, config)
    sources = [p.source if len(p.boxes) else None for p in training]
    order = draw_rows(sources, config.source_power, 0, 1)
    for step, batch in enumerate(batches(task, 1)):
        wide = step % 3 == 2
        rows = order[8 * step : 8 * step + (2 if wide else 8)]
        crops = config.crops.scaled(2) if wide else config.crops
        for place, row in enumerate(rows):
            one = training[row]
            image = np.ascontiguousarray(np.asarray(Image.open(one.path))[..., ::-1])
            crop = draw_crop(
                image, one.boxes, one.ignored, np.random.default_rng([0, 1, 1 + row, place]), crops
            )
            assert np.array_equal(batch[0][place].numpy(), crop.image)


def test_crops_of_the_first_epochs_are_smaller(photos):
    config = replace(settings(epochs=4).proposals, small_until=0.5)
    config = replace(config, crops=replace(config.crops, side=128))
    task = ProposalTask(photos, config)
    sides = [{batch[0].shape[2] for batch in batches(task, epoch)} for epoch in range(4)]
    assert sides == [{96, 192}, {96, 192}, {128, 256}, {128, 256}]


@pytest.mark.parametrize("side", [32, 100])
def test_crops_of_another_side_are_refused(photos, side):
    config = settings().proposals
    config = replace(config, crops=replace(config.crops, side=side))
    with pytest.raises(TrainingError, match=f"multiple of 32 and at least 64 pixels; got {side}"):
        ProposalTask(photos, config)


def test_mined_crops_replace_a_share_and_leave_the_others_alone(photos):
    config = settings().proposals
    plain, mined = ProposalTask(photos, config), ProposalTask(photos, config, mined_of(photos))
    training, _ = split_photos(photos, config)
    n_boxes = sum(not len(p.boxes) for p in training)
    n_mined = min(round(0.25 * len(training)), 2 * n_boxes)
    n_changed = n_crops = 0
    for epoch in range(6):
        for one, two in zip(batches(plain, epoch), batches(mined, epoch), strict=True):
            changed = [not torch.equal(a, b) for a, b in zip(one[0], two[0], strict=True)]
            n_changed += sum(changed)
            n_crops += len(changed)
            for image in two[0].numpy()[np.array(changed)]:
                # The blue square is in it, recoloured a little.
                blue = image[..., 0].astype(int) - image[..., 2]
                assert (blue > 30).sum() > 100
    expected = n_mined / len(training) * n_crops
    assert expected * 0.5 < n_changed < expected * 1.5


def test_a_batch_does_not_depend_on_those_before(photos):
    task = ProposalTask(photos, settings().proposals, mined_of(photos))
    before = task.batch(1, 2)
    batches(task, 0)
    after = ProposalTask(photos, settings().proposals, mined_of(photos)).batch(1, 2)
    for one, two, three in zip(before, task.batch(1, 2), after, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


# Boxes exactly as proposed, in the photo as it is.
STILL = replace(RefinerConfig(), copies=1, crops_per_photo=0, move=0.0, scale=0.0)


@pytest.mark.parametrize(
    ("proposed", "labels"),
    [
        pytest.param((10, 10, 40, 40), [0, 0], id="beside what is proposed"),
        pytest.param((100, 60, 140, 98), [0], id="proposed already"),
        pytest.param(None, [0], id="nothing proposed"),
    ],
)
def test_the_refiner_sees_mined_boxes(proposed, labels):
    detector = Proposer(proposed) if proposed else Proposer()
    mined = PlacedBoxes(
        MinedTraining((mined_box(size_wh=(200, 200)),)), [replace_size(unread("a.png"), 200, 200)]
    )
    rows = collect_patches(detector, OnePhoto(), STILL, mined=mined)
    assert rows.labels.tolist() == labels
    assert np.isnan(rows.deltas).all()


def test_mined_boxes_can_give_more_patches():
    mined = PlacedBoxes(
        MinedTraining((mined_box(size_wh=(200, 200)),)), [replace_size(unread("a.png"), 200, 200)]
    )
    more = replace(STILL, mined_copies=3)
    few, many = (
        len(collect_patches(Proposer(), OnePhoto(), config, mined=mined).labels)
        for config in (STILL, more)
    )
    assert many == few + 3


def replace_size(one: AnnotatedPhoto, width: int, height: int) -> AnnotatedPhoto:
    return replace(one, width=width, height=height)


def weights(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.glob("*.onnx"))}


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a training with mined boxes that nothing has disturbed."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train_detector(photos, run, settings(), mined=mined_of(photos))
    return run


def test_a_training_with_mined_boxes_resumes_to_the_byte_and_only_with_them(
    photos, whole, tmp_path, monkeypatch
):
    mined, run = mined_of(photos), tmp_path / "run"
    training = Mortal(monkeypatch, 5)
    with pytest.raises(TrainingError, match="killed"):
        train_detector(photos, run, settings(), mined=mined)
    training.steps_left = 10**6
    fewer = replace(mined, boxes=mined.boxes[1:])
    other = replace(mined, config=replace(mined.config, share=0.3))
    for wrong, message in (
        (None, r"mined\.checksum was '\w+' \(checksum\), is now None"),
        (fewer, r"mined\.checksum was '\w+' \(checksum\), is now '"),
        (other, r"mined\.share was 0\.25, is now 0\.3"),
    ):
        with pytest.raises(TrainingError, match=message):
            train_detector(photos, run, settings(), mined=wrong, resume=True)
    train_detector(photos, run, settings(), mined=mined, resume=True)
    assert weights(run) == weights(whole)
    config = json.loads((run / "config.json").read_text())["config"]
    assert config["mined"]["checksum"] == mined_checksum(mined.boxes)


def test_mined_boxes_change_a_training_and_its_config_only_when_given(photos, whole, tmp_path):
    plain = tmp_path / "plain"
    train_detector(photos, plain, settings())
    written = [json.loads((run / "config.json").read_text())["config"] for run in (plain, whole)]
    assert written[1].pop("mined")["share"] == 0.25
    assert written[0] == written[1]
    assert weights(plain)["detector.onnx"] != weights(whole)["detector.onnx"]


@pytest.fixture(scope="module")
def lookalikes(tmp_path_factory: pytest.TempPathFactory) -> list[AnnotatedPhoto]:
    """Photos with a light square each; in those of people it is the face."""
    folder = tmp_path_factory.mktemp("lookalikes")
    made = []
    for i in range(40):
        rng = np.random.default_rng(i)
        image = rng.integers(40, 90, (96, 128, 3)).astype(np.uint8)
        side = int(rng.integers(20, 40))
        x, y = (int(rng.integers(0, limit - side)) for limit in (128, 96))
        image[y : y + side, x : x + side] = 230
        boxes = [(x, y, x + side, y + side)] if i < 28 else []
        made.append(photo(folder, f"{i:02d}.png", image, *boxes))
    return made


def mining_itself() -> DetectorConfig:
    """Twelve passes, the search after the tenth."""
    config = settings(12)
    loop = replace(config.proposals.loop, learning_rate=1e-2)
    boxes = MinedConfig(share=0.25, max_each=2)
    return replace(
        config,
        proposals=replace(config.proposals, loop=loop),
        own_mining=OwnMiningConfig(0.83, 0.02, boxes),
    )


@pytest.fixture(scope="module")
def mined_itself(lookalikes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a training that mines in between."""
    run = tmp_path_factory.mktemp("itself") / "run"
    train_detector(lookalikes, run, mining_itself())
    return run


def test_a_training_mines_the_face_free_photos_that_it_learns_from(
    lookalikes, mined_itself, tmp_path
):
    boxes = read_mined(mined_itself / "mined.json")
    training, _ = split_photos(lookalikes, settings().proposals)
    assert {box.file for box in boxes} <= {one.name for one in training if not len(one.boxes)}
    assert boxes
    assert not (mined_itself / "proposals" / "detector.onnx").exists()
    with (mined_itself / "proposals" / "log.csv").open() as log:
        assert len(log.readlines()) == 1 + 12
    plain = tmp_path / "plain"
    train_detector(lookalikes, plain, replace(mining_itself(), own_mining=None))
    assert weights(plain)["detector.onnx"] != weights(mined_itself)["detector.onnx"]


def test_killed_before_at_and_after_the_search_it_ends_the_same(
    lookalikes, mined_itself, tmp_path, monkeypatch
):
    """The kills come in the first half, in the search, after it, and in the refiner's training."""
    run = tmp_path / "run"
    training = Mortal(monkeypatch)
    steps = ProposalTask(lookalikes, settings().proposals).steps_per_epoch

    def killed() -> None:
        with pytest.raises(TrainingError, match="killed"):
            train_detector(lookalikes, run, mining_itself(), resume=True)

    training.steps_left = steps + 1
    killed()
    with monkeypatch.context() as patch:

        def dying(*_: object) -> None:
            raise TrainingError("killed")

        patch.setattr("facesmith.training.detector.mine_face_free", dying)
        training.steps_left = 10**6
        killed()
    training.steps_left = steps - 1
    killed()
    assert (run / "mined.json").is_file()
    training.steps_left = 2 * steps
    killed()  # in the refiner's training, where the last checkpoint was not far back
    training.steps_left = 10**6
    train_detector(lookalikes, run, mining_itself(), resume=True)
    assert weights(run) == weights(mined_itself)
    assert read_mined(run / "mined.json") == read_mined(mined_itself / "mined.json")


def test_the_refiner_learns_from_what_was_mined_in_between(lookalikes, tmp_path, monkeypatch):
    given = []
    collect = detector_training.collect_patches

    def watched(*arguments, **options):
        given.append(arguments[3])
        return collect(*arguments, **options)

    monkeypatch.setattr(detector_training, "collect_patches", watched)
    mined = mined_of(lookalikes)
    train_detector(lookalikes, tmp_path / "run", mining_itself(), mined=mined)
    own = read_mined(tmp_path / "run" / "mined.json")
    training, _ = split_photos(lookalikes, settings().proposals)
    placed, none = given
    assert none is None
    both = MinedTraining.merged([mined.boxes, own])
    assert len(placed) == len(PlacedBoxes(both, training)) > len(own)


def test_a_time_limit_before_the_search_leaves_it_for_later(lookalikes, mined_itself, tmp_path):
    run, own = tmp_path / "run", mining_itself()
    short = own.with_loops(lambda loop: replace(loop, time_limit=1e-6))
    metrics = train_detector(lookalikes, run, short)
    assert metrics["proposals"]["stopped"] == "time limit"
    assert not (run / "mined.json").exists()
    train_detector(lookalikes, run, own, resume=True)
    assert read_mined(run / "mined.json") == read_mined(mined_itself / "mined.json")


def test_kept_proposals_cannot_be_mined_in_between(lookalikes, whole, tmp_path):
    both = replace(mining_itself(), keep_proposals=True)
    with pytest.raises(TrainingError, match="`own_mining` is for a training of proposals"):
        train_detector(lookalikes, tmp_path / "run", both, start=whole)


def test_train_takes_mined_boxes_with_annotated_photos_only(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("faces.json", "mined.json", "patches.npz"):
        Path(name).write_text("{}")
    Path("photos").mkdir()

    def train(*words: str) -> Result:
        return CliRunner().invoke(main, ["train", *words, "--out", "run"])

    patches = train("patches.npz", "--mined", "mined.json")
    assert patches.exit_code == 2
    assert "--mined goes with annotated photos" in patches.stderr
    Path("settings.json").write_text('{"mined": {"share": 0.2}}')
    share = train("faces.json", "--images", "photos", "--config", "settings.json")
    assert share.exit_code == 2
    assert "`mined` of --config go with --mined" in share.stderr
    other = train("faces.json", "--images", "photos", "--mined", "mined.json")
    assert other.exit_code == 1
    assert "mined.json: expected a file that `facesmith mine` wrote" in other.stderr


@pytest.mark.slow
def test_the_command_says_what_becomes_of_the_boxes(photos, tmp_path) -> None:
    folder = photos[0].path.parent
    with_faces = [one for one in photos if len(one.boxes)]
    images = [{"id": i, "file_name": one.name} for i, one in enumerate(photos)]
    boxes = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [x, y, right - x, bottom - y]}
        for i, one in enumerate(with_faces)
        for x, y, right, bottom in one.boxes.tolist()
    ]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "face"}]}
    (tmp_path / "faces.json").write_text(json.dumps(coco))
    mined = mined_of(photos)
    write_mined(tmp_path / "mined.json", mined.boxes)
    (tmp_path / "settings.toml").write_text("[mined]\nshare = 0.3\n")
    words = ["train", tmp_path / "faces.json", "--images", folder, "--out", tmp_path / "run",
             "--mined", tmp_path / "mined.json", "--config", tmp_path / "settings.toml",
             "--epochs", "1", "--batch-size", "8", "--threads", "1",
             "--no-cross-validation"]  # fmt: skip
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "Mined boxes: " in result.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert config["mined"]["checksum"] == mined_checksum(mined.boxes)
    assert config["mined"]["share"] == 0.3
