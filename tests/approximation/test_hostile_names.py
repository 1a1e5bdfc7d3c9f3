"""Names of columns in code, ONNX files and run folders: never more than names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tokenize
from html import escape
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facesmith.approximation.exports.onnx_file import export_function_onnx
from facesmith.approximation.exports.source_code import comment_name, function_code
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.saving import load_function, save_function
from facesmith.cli import main
from facesmith.runtime import onnxruntime

HOSTILE = {
    "an encoding": "wage coding: 1 low",
    "another encoding": "x coding=utf_7 +AAo-import os",
    "an editor's settings": "vim: set fenc=latin1 :",
    "a comment's begin": "a /* b",
    "a comment's end": '*/ int system(const char *); /* "',
    "a line comment": "a // b",
    "a trigraph": "what??/",
    "a trigraph that ends a comment": "*??/\n/",
    "a backslash at the end": "z\\",
    "a line end": "a\nimport os; os.abort()\n#",
    "a carriage return": "a\rimport os; os.abort()",
    "a form feed": "a\fimport os",
    "a separator of lines": "a\u2028import os\u2029\x85os.abort()",
    "quotes": "'''\"\"\"' + \"",
    "letters of another language": "größe 長さ",
    "marks of direction": "\u202etxet\u2066 \u200f",
    "nothing to see": "\u200b\ufeff",
    "a NUL": "a\x00b",
    "a lone surrogate": "a\ud800",
    "beyond 16 bits": "\U0001f600",
    "a template": "$about ${n_in} $$",
    "a formula": "$x_{$ \\frac",
    "formats": "{0} %s %d",
    "a directive": '#include "/etc/passwd"',
    "nothing": " ",
    "blanks around": " a ",
    "very long": "long " * 400,
}
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def function(name: str) -> FittedFunction:
    """Three times a column, for a target; both have this name."""
    one, zero = np.ones(1), np.zeros(1)
    plane = Member((np.array([[3.0]]),), (zero,), 0, 1.0, np.zeros((2, 0)), 0.0)
    return FittedFunction((plane,), zero, one, zero, one, zero, one, (name,), (name,))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_python_code_is_code_of_its_own_whatever_the_name(name: str, tmp_path: Path) -> None:
    code = function_code(function(name), "python")
    assert code.isascii()
    assert all(line.isprintable() and len(line) <= 120 for line in code.split("\n"))
    path = tmp_path / "model.py"
    path.write_text(code, encoding="ascii", newline="\n")
    with path.open("rb") as file:
        assert tokenize.detect_encoding(file.readline)[0] == "utf-8"
    script = f"import runpy; print(runpy.run_path({str(path)!r})['predict']([2.0]))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "6.0"


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
@pytest.mark.parametrize("trigraphs", [False, True])
def test_c_code_compiles_without_a_warning_whatever_the_names(
    tmp_path: Path, trigraphs: bool
) -> None:
    main_file = "#include <stdio.h>\n"
    calls = ""
    for number, name in enumerate(HOSTILE.values()):
        code = function_code(function(name), "c")
        assert code.isascii()
        (tmp_path / f"model_{number}.c").write_text(code.replace(" predict(", f" f{number}("))
        main_file += f"double f{number}(const double *);\n"
        calls += f'    printf("%g ", f{number}(in));\n'
    (tmp_path / "main.c").write_text(
        f"{main_file}int main(void) {{\n    double in[1] = {{2.0}};\n{calls}    return 0;\n}}\n"
    )
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wno-missing-prototypes"]
    flags += ["-trigraphs", "-Wtrigraphs"] * trigraphs
    sources = sorted(each.name for each in tmp_path.glob("*.c"))
    command = [str(COMPILER), *flags, *sources, "-lm", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["6"] * len(HOSTILE)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_names_can_be_told_apart_and_read_back(name: str) -> None:
    shown = comment_name(name)
    assert shown.isascii()
    assert shown.isprintable()
    if len(name) <= 40:
        assert (json.loads(shown) if shown.startswith('"') else shown) == name


def test_usual_names_stay_as_they_are() -> None:
    for name in ("x", "speed, m/s", "wind_speed (10 m)", "CO2 [%]", "it's #3"):
        assert comment_name(name) == name


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_files_keep_the_name(tmp_path: Path, name: str) -> None:
    save_function(function(name), tmp_path / "model.npz")
    assert load_function(tmp_path / "model.npz").output_names == (name,)
    export_function_onnx(function(name), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    about = session.get_modelmeta().custom_metadata_map["facesmith"]
    assert about.isascii()
    assert json.loads(about)["input_names"] == [name]


def test_the_command_takes_names_from_a_table(tmp_path: Path) -> None:
    target, inputs = 'w $x_{$ */ coding: utf_7 "<b>', ("$\\frac{$ /*", "größe\n??/")
    rng = np.random.default_rng(0)
    quoted = [f'"{each}"' for each in (*inputs, target.replace('"', '""'))]
    lines = [";".join(quoted)]
    lines += [f"{a};{b};{a + b}" for a, b in rng.uniform(size=(30, 2)).tolist()]
    (tmp_path / "points.csv").write_text("\n".join(lines), encoding="utf-8")
    arguments = ["approximate", str(tmp_path / "points.csv"), "--target", target, "--onnx"]
    arguments += ["--code", "python", "--code", "c", "--max-iter", "20"]
    out = tmp_path / "run"
    done = CliRunner().invoke(main, [*arguments, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    namespace: dict[str, object] = {}
    exec((out / "models" / "bayesian-ensemble.py").read_text(encoding="ascii"), namespace)  # noqa: S102
    predicted = namespace["predict"]([0.25, 0.5])  # type: ignore[operator]
    assert predicted == pytest.approx(0.75, abs=0.05)
    page = (out / "report.md").read_text(encoding="utf-8")
    assert "<b>" not in page.replace("\\<b\\>", "")
    html = (out / "report.html").read_text(encoding="utf-8")
    assert escape(target) in html
    assert "<b>" not in html
    assert "surface-bayesian-ensemble.png" in {each.name for each in out.iterdir()}
