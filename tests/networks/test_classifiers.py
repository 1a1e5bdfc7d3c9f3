"""The classifier networks, their export, and the classifier of the base install."""

import json
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from facesmith._version import __version__  # noqa: E402
from facesmith.detection.classifier import load_classifier  # noqa: E402
from facesmith.errors import WeightsError  # noqa: E402
from facesmith.export.onnx_export import (  # noqa: E402
    TOLERANCE,
    export_classifier,
    export_onnx,
    largest_difference,
)
from facesmith.networks.classifiers import NETWORKS, build_classifier  # noqa: E402


def random_patches(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 64, 64, 3), dtype=np.uint8)


def lived_in(name: str, seed: int = 0) -> torch.nn.Module:
    """A classifier whose running statistics and biases are not those of the start."""
    model = build_classifier(name, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor in (module.weight, module.running_var):
                    tensor.uniform_(0.5, 1.5, generator=generator)
                for tensor in (module.bias, module.running_mean):
                    tensor.uniform_(-0.3, 0.3, generator=generator)
    return model.eval()


def parameters(name: str) -> int:
    return sum(p.numel() for p in build_classifier(name).parameters())


def test_pointwise_has_exactly_the_exercises_parameters():
    # 3*16+16 and 16*32+32 in the convolutions, 32*32*32+1 in the dense layer.
    assert parameters("pointwise") == 64 + 544 + 32769 == 33377


def test_pointwise_equals_its_description_in_numpy():
    """Convolution, ReLU, pooling, convolution, ReLU, flatten in Keras' order, dense."""
    model = build_classifier("pointwise", seed=3)
    first, second, dense = (
        layer for layer in model.network if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    )
    with torch.no_grad():
        for layer in (first, second, dense):
            layer.bias.uniform_(-0.2, 0.2)
    patches = random_patches(3)
    w1, b1, w2, b2, w3, b3 = (
        t.detach().double().numpy()
        for layer in (first, second, dense)
        for t in (layer.weight, layer.bias)
    )
    x = np.maximum(patches / 255 @ w1[:, :, 0, 0].T + b1, 0)  # (3, 64, 64, 16)
    x = x.reshape(3, 32, 2, 32, 2, 16).max(axis=(2, 4))
    x = np.maximum(x @ w2[:, :, 0, 0].T + b2, 0)
    expected = (x.reshape(3, -1) @ w3.T + b3)[:, 0]
    with torch.no_grad():
        found = model(torch.from_numpy(patches)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_tiny_darknet_follows_the_layer_table():
    """Filters and kernel sizes as published, pooling after convolutions 1, 2, 6 and 10."""
    table, pooled_after = [], []
    for layer in build_classifier("tiny-darknet").network:
        if isinstance(layer, torch.nn.Conv2d):
            table.append((layer.out_channels, layer.kernel_size[0]))
        elif isinstance(layer, torch.nn.MaxPool2d):
            pooled_after.append(len(table))
    squeezes = {
        32: [(16, 1), (128, 3)] * 2,
        128: [(32, 1), (256, 3)] * 2,
        256: [(64, 1), (512, 3)] * 2,
    }
    expected = [(16, 3), (32, 3), *squeezes[32], *squeezes[128], *squeezes[256], (128, 1), (1, 1)]
    assert table == expected
    assert pooled_after == [1, 2, 6, 10]


def test_compact_is_small():
    assert 60_000 < parameters("compact") < 130_000


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_weights_and_the_generator_is_left_alone(name):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (build_classifier(name, seed=s).state_dict() for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_patch_scores_the_same_alone_and_among_others(name):
    model, patches = lived_in(name), torch.from_numpy(random_patches(5))
    with torch.no_grad():
        together = model(patches)
        alone = torch.cat([model(patches[i : i + 1]) for i in range(5)])
    assert together.shape == (5,)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_overfits_eight_patches(name):
    torch.manual_seed(0)
    model = build_classifier(name).train()
    patches, labels = torch.from_numpy(random_patches(8)), torch.tensor([0.0, 1.0] * 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(patches), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05


def test_unknown_network_is_named():
    with pytest.raises(ValueError, match="compact, pointwise, tiny-darknet; got name='resnet'"):
        build_classifier("resnet")


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_scores_equal_pytorchs(name, tmp_path):
    model = lived_in(name)
    path = tmp_path / "classifier.onnx"
    assert export_classifier(model, path, network=name, threshold=0.4) <= TOLERANCE
    classifier = load_classifier(path)
    for n in (0, 1, 3, 300):  # none, one, several, more than one batch
        patches = random_patches(n, seed=n)
        before = patches.copy()
        scores = classifier(patches)
        with torch.no_grad():
            expected = torch.sigmoid(model(torch.from_numpy(patches))).numpy()
        assert scores.shape == (n,)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(patches, before)
    assert classifier.threshold == 0.4
    assert classifier.metadata["network"] == name
    assert classifier.metadata["facesmith"] == __version__
    assert classifier.preprocessing == model.preprocessing


def test_export_folds_batch_normalisation_and_repeats_to_the_byte(tmp_path):
    model = lived_in("compact").train()
    for name in ("one.onnx", "two.onnx"):
        export_classifier(model, tmp_path / name, network="compact")
    assert model.training  # as it was
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    graph = onnx.load(tmp_path / "one.onnx").graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}


def test_mirrored_scores_are_those_of_the_mean_logit_and_the_same_for_the_mirror(tmp_path):
    model, path = lived_in("compact"), tmp_path / "classifier.onnx"
    export_classifier(model, path, network="compact", mirrored=True)
    patches = random_patches(5)
    with torch.no_grad():
        logits = [
            model(torch.from_numpy(np.ascontiguousarray(p))) for p in (patches, patches[:, :, ::-1])
        ]
    expected = torch.sigmoid((logits[0] + logits[1]) / 2).numpy()
    classifier = load_classifier(path)
    assert classifier.metadata["mirrored"] is True
    np.testing.assert_allclose(classifier(patches), expected, atol=TOLERANCE)
    np.testing.assert_allclose(classifier(patches[:, :, ::-1]), expected, atol=TOLERANCE)


def test_export_that_differs_is_found(tmp_path):
    """The comparison itself: other weights in the module than in the file."""
    path = tmp_path / "linear.onnx"
    module = torch.nn.Linear(3, 2)
    export_onnx(
        module,
        torch.zeros(1, 3),
        path,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        metadata={"kind": "test"},
    )
    inputs = [torch.ones(n, 3) for n in (1, 4)]
    assert largest_difference(module, path, inputs) < 1e-6
    with torch.no_grad():
        module.bias += 0.25
    assert largest_difference(module, path, inputs) == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize(
    ("patches", "got"),
    [
        (np.zeros((2, 64, 64, 3), np.float32), "dtype float32"),
        (np.zeros((64, 64, 3), np.uint8), r"shape \(64, 64, 3\)"),
        (np.zeros((2, 32, 32, 3), np.uint8), r"shape \(2, 32, 32, 3\)"),
        (np.zeros((2, 3, 64, 64), np.uint8), r"shape \(2, 3, 64, 64\)"),
    ],
)
def test_other_arrays_than_patches_are_refused(patches, got, tmp_path):
    path = tmp_path / "classifier.onnx"
    export_classifier(lived_in("pointwise"), path, network="pointwise")
    with pytest.raises(ValueError, match=rf"uint8 of shape \(n, 64, 64, 3\).*{got}"):
        load_classifier(path)(patches)


def test_files_that_are_no_classifier_are_refused(tmp_path):
    good = tmp_path / "good.onnx"
    export_classifier(lived_in("pointwise"), good, network="pointwise")
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(good.read_bytes()[:-1000])
    foreign, other = tmp_path / "foreign.onnx", tmp_path / "other.onnx"
    model = onnx.load(good)
    del model.metadata_props[:]
    onnx.save(model, foreign)
    onnx.helper.set_model_props(model, {"facesmith": json.dumps({"kind": "proposal"})})
    onnx.save(model, other)
    for path, message in (
        (tmp_path / "none.onnx", "no such weights file"),
        (truncated, "not a usable ONNX file"),
        (foreign, "expected the metadata entry 'facesmith', found none"),
        (other, "kind 'proposal'; expected 'classifier'"),
    ):
        with pytest.raises(WeightsError, match=message):
            load_classifier(path)
    with pytest.raises(ValueError, match="threads=0"):
        load_classifier(good, threads=0)


def test_the_classifier_needs_no_training_framework():
    code = "import sys, facesmith.detection.classifier; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
