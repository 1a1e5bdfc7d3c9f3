"""A fitted function's file, ONNX file and source code: all of them are the function again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from facesmith.approximation.exports.onnx_file import export_function_onnx
from facesmith.approximation.exports.source_code import function_code
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.approximation.model.saving import load_function, save_function
from facesmith.errors import WeightsError
from facesmith.runtime import onnxruntime

ROOT = Path(__file__).parents[2]


def member(sizes: tuple[int, ...], output: int, weight: float, seed: int) -> Member:
    rng = np.random.default_rng(seed)
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    return Member(
        weights=tuple(rng.normal(size=pair) for pair in pairwise(sizes)),
        biases=tuple(rng.normal(size=n_out) for n_out in sizes[1:]),
        output=output,
        weight=weight,
        covariance_root=rng.normal(size=(n_parameters, 3)),
        noise_variance=float(rng.uniform()),
    )


def kernel_member(shape: str, output: int, weight: float, seed: int) -> KernelMember:
    rng = np.random.default_rng(seed)
    return KernelMember(
        shape=shape,
        inverse_lengths=np.array([0.7, 0.0, 1.3]),  # the second input has no say
        centres=rng.normal(size=(6, 3)) * [0.7, 0.0, 1.3],
        heights=rng.normal(size=6),
        slope=rng.normal(size=3),
        bias=0.3,
        output=output,
        weight=weight,
        kernel_variance=2.0,
        plane_variance=0.5,
        row_variances=rng.uniform(0.1, 0.2, 6),
        noise_variance=0.1,
    )


def function(n_outputs: int) -> FittedFunction:
    """Planes, one and two hidden layers, Gaussian processes, mixed, far from scale 1.

    Of two outputs, an input and an output are bent.
    """
    members = [
        member((3, 5, 1), 0, 0.25, 0),
        member((3, 2, 7, 1), 0, 0.5 - 1 / 3, 1),
        member((3, 1), 0, 1 / 3, 2),
        kernel_member("gaussian", 0, 0.25, 4),
        member((3, 1, 4, 1), 1, 0.5, 3),
        kernel_member("matern", 1, 0.5, 5),
    ]
    rng = np.random.default_rng(9)
    low = rng.normal(size=3)
    return FittedFunction(
        members=tuple(each for each in members if each.output < n_outputs),
        input_offset=rng.normal(size=3) * 1e3,
        input_scale=np.array([1e3, 1e-7, 0.3]),
        output_offset=rng.normal(size=n_outputs),
        output_scale=np.array([123.4, 1e-9])[:n_outputs],
        input_min=low,
        input_max=low + 1,
        input_names=("x", 'y */ """ \\', "größe\n#include"),
        output_names=("z", "w")[:n_outputs],
        input_bends=np.array([[0.0, 0.0], [0.0, 0.0], [0.1, 0.2]]) if n_outputs == 2 else None,
        output_bends=np.array([[0.0, 0.0], [7.0, 0.3]]) if n_outputs == 2 else None,
    )


def rows(model: FittedFunction, n: int = 40) -> np.ndarray:
    scaled = np.random.default_rng(4).normal(size=(n, model.n_inputs))
    return model.input_offset + model.input_scale * scaled


def plain_loader() -> str:
    """The loader that the page shows."""
    page = (ROOT / "docs" / "approximate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (loader,) = [block for block in blocks if "np.load(" in block]
    return loader


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_files_keep_the_function_to_the_last_bit(tmp_path: Path, n_outputs: int) -> None:
    model = function(n_outputs)
    path = tmp_path / "model.npz"
    save_function(model, path)
    loaded = load_function(path)
    inputs = rows(model)
    np.testing.assert_array_equal(loaded.predict(inputs), model.predict(inputs))
    for one, other in zip(
        loaded.predict_with_std(inputs), model.predict_with_std(inputs), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.outside(inputs), model.outside(inputs))
    assert loaded.input_names == model.input_names
    assert loaded.output_names == model.output_names
    save_function(loaded, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert {each.name for each in tmp_path.iterdir()} == {"model.npz", "again.npz"}


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_some_lines_of_numpy_read_the_file_and_predict_the_same_bits(
    tmp_path: Path, n_outputs: int
) -> None:
    model = function(n_outputs)
    save_function(model, tmp_path / "function.npz")
    inputs = rows(model)
    np.save(tmp_path / "inputs.npy", inputs)
    loader = plain_loader()
    assert "facesmith" not in loader
    code = [line for line in loader.splitlines() if line.strip() and not line.startswith("import")]
    assert len(code) <= 33  # the body of the function, its head, and a use of it
    script = re.sub(r'"[^"]*\.npz"', '"function.npz"', loader)
    script = "import sys\nsys.modules['facesmith'] = None\n" + re.sub(
        r"^print\(.*\n", "", script, flags=re.MULTILINE
    )
    script += "np.save('outputs.npy', predict(np.load('inputs.npy')))\n"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "outputs.npy"), model.predict(inputs))


def test_files_that_are_no_function_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    with pytest.raises(WeightsError, match=r"model\.npz does not exist"):
        load_function(path)
    save_function(function(1), path)
    whole = path.read_bytes()
    for damaged in (b"", b"no zip", whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"model\.npz is (empty|no |damaged)"):
            load_function(path)
    np.savez(path, about=np.array(json.dumps({"kind": "patches"})))
    with pytest.raises(WeightsError, match="its kind is 'patches'"):
        load_function(path)
    np.savez(path, about=np.array([{"kind": "facesmith function"}], dtype=object))
    with pytest.raises(WeightsError, match="holds pickled Python objects"):
        load_function(path)


@pytest.mark.parametrize("what", ["a missing array", "float32", "layers that do not chain"])
def test_files_whose_arrays_do_not_fit_are_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.npz"
    save_function(function(1), path)
    with np.load(path) as file:
        arrays = dict(file)
    if what == "a missing array":
        del arrays["member_1_biases_1"]
    elif what == "float32":
        arrays["input_scale"] = arrays["input_scale"].astype(np.float32)
    else:
        arrays["member_0_weights_0"] = arrays["member_0_weights_0"][:2]
    np.savez(path, **arrays)
    with pytest.raises(
        WeightsError, match=r"is damaged or no function|has no array `member_1_biases_1`"
    ):
        load_function(path)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("n_rows", [0, 1, 40])
def test_onnx_runtime_computes_the_function_in_float64(
    tmp_path: Path, n_outputs: int, n_rows: int
) -> None:
    model = function(n_outputs)
    path = tmp_path / "model.onnx"
    export_function_onnx(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = rows(model, n_rows)
    (targets,) = session.run(None, {"inputs": inputs})
    assert targets.dtype == np.float64
    np.testing.assert_allclose(targets, model.predict(inputs), rtol=1e-12, atol=0)
    about = json.loads(session.get_modelmeta().custom_metadata_map["facesmith"])
    assert about["output_names"] == list(model.output_names)
    assert about["input_min"] == model.input_min.tolist()


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_python_code_computes_the_function_with_math_alone(tmp_path: Path, n_outputs: int) -> None:
    model = function(n_outputs)
    path = tmp_path / "model.py"
    path.write_text(function_code(model, "python"), encoding="utf-8")
    assert max(len(line) for line in path.read_text(encoding="utf-8").splitlines()) <= 100
    inputs = rows(model)
    # -S -I: without site packages, the folder or the environment there is no NumPy to be found.
    script = (
        "import importlib.util, json, sys\n"
        f"spec = importlib.util.spec_from_file_location('model', {str(path)!r})\n"
        "model = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(model)\n"
        "print(json.dumps([model.predict(row) for row in json.load(sys.stdin)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        input=json.dumps(inputs.tolist()),
        capture_output=True,
        text=True,
        check=True,
    )
    found = np.array(json.loads(done.stdout)).reshape(len(inputs), n_outputs)
    np.testing.assert_allclose(found, model.predict(inputs), rtol=1e-12, atol=0)
    namespace: dict[str, object] = {}
    exec(path.read_text(encoding="utf-8"), namespace)  # noqa: S102 - our own code
    with pytest.raises(ValueError, match="expected 3 inputs; got 2"):
        namespace["predict"]([1.0, 2.0])  # type: ignore[operator]


COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_c_code_compiles_without_a_warning_and_computes_the_function(
    tmp_path: Path, n_outputs: int
) -> None:
    model = function(n_outputs)
    (tmp_path / "model.c").write_text(function_code(model, "c"), encoding="utf-8")
    head, call = "double predict(const double *);", "out[0] = predict(in);"
    if n_outputs == 2:
        head, call = "void predict(const double *, double *);", "predict(in, out);"
    (tmp_path / "main.c").write_text(
        f"""
        #include <stdio.h>
        {head}
        int main(void) {{
            double in[3], out[{n_outputs}];
            while (scanf("%lf %lf %lf", in, in + 1, in + 2) == 3) {{
                {call}
                for (int i = 0; i < {n_outputs}; i++) printf("%.17g ", out[i]);
                printf("\\n");
            }}
            return 0;
        }}
        """
    )
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2"]
    command = [str(COMPILER), *flags, "model.c", "main.c", "-lm", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    inputs = rows(model)
    done = subprocess.run(
        [tmp_path / "main"],
        input="\n".join(" ".join(map(repr, row)) for row in inputs.tolist()),
        capture_output=True,
        text=True,
        check=True,
    )
    found = np.array([line.split() for line in done.stdout.splitlines()], dtype=np.float64)
    np.testing.assert_allclose(found, model.predict(inputs), rtol=1e-12, atol=0)


def test_numbers_that_are_not_finite_and_other_languages_are_refused() -> None:
    one, zero = np.ones(1), np.zeros(1)
    plane = Member((np.array([[np.nan]]),), (one,), 0, 1.0, np.zeros((2, 0)), 0.0)
    broken = FittedFunction((plane,), zero, one, zero, one, zero, one)
    with pytest.raises(WeightsError, match="its net diverged"):
        function_code(broken, "c")
    with pytest.raises(ValueError, match="must be among python, c; got 'java'"):
        function_code(function(1), "java")


def altered(path: Path, **changes: object) -> None:
    """A function's file whose text `about` says something else."""
    save_function(function(1), path)
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays["about"]))
    member = changes.pop("member", {})
    about["members"][0].update(member)
    about.update(changes)
    text = json.dumps(about).replace('"HUGE"', "9" * 400)
    np.savez(path, **{**arrays, "about": np.array(text)})


@pytest.mark.parametrize(
    "changes",
    [
        {"members": {}}, {"members": 5}, {"members": [5]}, {"members": []}, {"input_names": 7},
        {"input_names": [1, 2]}, {"output_names": ["a", "b", "c"]}, {"kind": ["x"] * 900},
        {"member": {"weight": "HUGE"}}, {"member": {"weight": "0.5"}}, {"member": {"output": 0.5}},
        {"member": {"noise_variance": float("nan")}}, {"member": {"n_layers": "HUGE"}},
        {"member": {"n_layers": 10**9}}, {"member": {"kernel": "gaussian"}},
        {"member": {"n_layers": True}},
    ],
)  # fmt: skip
def test_what_the_text_of_a_function_misstates_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    path = tmp_path / "model.npz"
    altered(path, **changes)
    with pytest.raises(WeightsError, match=r"model\.npz") as caught:
        load_function(path)
    assert len(str(caught.value)) < 500 + len(str(path))


@pytest.mark.parametrize("about", ["[" * 100_000, "{", "5", "", '{"kind": ' + "9" * 5000 + "}"])
def test_a_text_that_is_no_description_is_refused(tmp_path: Path, about: str) -> None:
    np.savez(tmp_path / "model.npz", about=np.array(about))
    with pytest.raises(WeightsError, match=r"model\.npz"):
        load_function(tmp_path / "model.npz")
