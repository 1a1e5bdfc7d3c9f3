"""A fitted function as source code that needs nothing: Python with `math`, or C with `math.h`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from facesmith._version import __version__
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.errors import WeightsError

LANGUAGES = ("python", "c")
SUFFIXES = {"python": ".py", "c": ".c"}
_LINE_WIDTH = 100  # characters


def function_code(function: FittedFunction, language: str) -> str:
    """A function's source code, with every number to its last bit.

    Python: `predict(inputs)` takes the inputs of one row, in the order of `input_names`, and
    returns a float, or with several outputs a list of them. It needs Python 3 and nothing but its
    module `math`. C99: `double predict(const double *inputs)`, or with several outputs
    `void predict(const double *inputs, double *outputs)`; link with `-lm`. Both keep no state.
    They agree with `FittedFunction.predict` up to the rounding of sums in another order.

    Args:
        function: What to write.
        language: "python" or "c".

    Returns:
        The text of a file.

    Raises:
        ValueError: If the language is another.
        WeightsError: If a number of the function is not finite, as of a net that diverged.

    Example:
        >>> one, zero = np.ones(1), np.zeros(1)
        >>> double = Member((np.array([[2.0]]),), (one,), 0, 1.0, np.zeros((2, 0)), 0.0)
        >>> function = FittedFunction((double,), zero, one, zero, one, zero, one)
        >>> namespace = {}
        >>> exec(function_code(function, "python"), namespace)
        >>> namespace["predict"]([3.0])
        7.0
    """
    if language not in LANGUAGES:
        raise ValueError(f"`language` must be among {', '.join(LANGUAGES)}; got {language!r}.")
    if not all_finite(function):
        raise WeightsError(
            "A function whose numbers are not finite cannot be written as code: its net diverged. "
            "Lower the learning rate, or give the targets in another unit."
        )
    return _python(function) if language == "python" else _c(function)


def all_finite(function: FittedFunction) -> bool:
    """Whether all numbers of a function are finite: those of a net that diverged are not."""
    arrays = [function.input_offset, function.input_scale]
    arrays += [function.output_offset, function.output_scale]
    for member in function.members:
        if isinstance(member, KernelMember):
            arrays += [member.centres, member.heights, member.slope, np.array(member.bias)]
        else:
            arrays += [*member.weights, *member.biases]
    return all(np.isfinite(array).all() for array in arrays)


def _python(function: FittedFunction) -> str:
    parts = [*(f"# {line}".rstrip() for line in _about(function)), ""]
    nets = [member for member in function.members if isinstance(member, Member)]
    kernels = [member for member in function.members if isinstance(member, KernelMember)]
    parts += [f"from math import {'exp, sqrt, ' if kernels else ''}tanh", ""]
    for name, values in (
        ("INPUT_OFFSET", function.input_offset),
        ("INPUT_SCALE", function.input_scale),
        ("OUTPUT_OFFSET", function.output_offset),
        ("OUTPUT_SCALE", function.output_scale),
    ):
        parts += [f"{name} = (", *_wrapped(values, "    "), ")"]
    parts += [
        "# Of each net: its output, its part in it, and its layers. Of each layer: for every unit",
        "# the weights of what comes in, and last the bias.",
        "NETS = (",
    ]
    for member in nets:
        parts += ["    (", f"        {member.output},", f"        {float(member.weight)!r},"]
        parts += ["        ("]
        for units in _layers(member):
            parts += ["            ("]
            for unit in units:
                parts += ["                (", *_wrapped(unit, " " * 20), "                ),"]
            parts += ["            ),"]
        parts += ["        ),", "    ),"]
    parts += [")"]
    if kernels:
        parts += _python_kernels(kernels)
    one = function.n_outputs == 1
    parts += [
        "",
        "",
        "def predict(inputs):",
        f'    """{"The prediction" if one else "The predictions"} for the inputs of one row."""',
        "    if len(inputs) != len(INPUT_OFFSET):",
        '        raise ValueError("expected %d inputs; got %d" % (len(INPUT_OFFSET), len(inputs)))',
        "    scaled = [(x - o) / s for x, o, s in zip(inputs, INPUT_OFFSET, INPUT_SCALE)]",
        "    sums = [0.0] * len(OUTPUT_OFFSET)",
        "    for output, part, layers in NETS:",
        "        values = scaled",
        "        for number, units in enumerate(layers, 1):",
        "            values = [sum(w * v for w, v in zip(u, values)) + u[-1] for u in units]",
        "            if number < len(layers):",
        "                values = [tanh(value) for value in values]",
        "        sums[output] += part * values[0]",
        *(_PYTHON_KERNEL_SUM if kernels else ()),
        "    outputs = [o + s * y for o, s, y in zip(OUTPUT_OFFSET, OUTPUT_SCALE, sums)]",
        f"    return {'outputs[0]' if one else 'outputs'}",
        "",
    ]
    return "\n".join(parts)


def _python_kernels(kernels: list[KernelMember]) -> list[str]:
    """The Gaussian processes as a table."""
    parts = [
        "# Of each Gaussian process: its output, its part in it, whether its basis functions are",
        "# Gaussian or Matern's, the inverse lengths, slope and bias of its plane, and of each of",
        "# them the centre and the height.",
        "PROCESSES = (",
    ]
    for member in kernels:
        parts += ["    (", f"        {member.output},", f"        {float(member.weight)!r},"]
        parts += [f"        {member.shape == 'gaussian'},"]
        for values in (member.inverse_lengths, member.slope):
            parts += ["        (", *_wrapped(values, " " * 12), "        ),"]
        parts += [f"        {float(member.bias)!r},", "        ("]
        for basis in _basis_functions(member):
            parts += ["            (", *_wrapped(basis, " " * 16), "            ),"]
        parts += ["        ),", "    ),"]
    return [*parts, ")"]


_PYTHON_KERNEL_SUM = (
    "    for output, part, gaussian, inverse, slope, value, bases in PROCESSES:",
    "        value += sum(s * x for s, x in zip(slope, scaled))",
    "        at = [i * x for i, x in zip(inverse, scaled)]",
    "        for basis in bases:",
    "            squared = sum((a - c) * (a - c) for a, c in zip(at, basis))",
    "            if gaussian:",
    "                value += basis[-1] * exp(-0.5 * squared)",
    "            else:",
    "                r = sqrt(5.0 * squared)",
    "                value += basis[-1] * (1.0 + r + r * r / 3.0) * exp(-r)",
    "        sums[output] += part * value",
)


def _c(function: FittedFunction) -> str:
    about = [line.replace("*/", "* /") for line in _about(function)]
    parts = [f"/* {about[0]}", *(f" * {line}".rstrip() for line in about[1:]), " */", ""]
    parts += ["#include <math.h>", ""]
    for name, values in (
        ("input_offset", function.input_offset),
        ("input_scale", function.input_scale),
        ("output_offset", function.output_offset),
        ("output_scale", function.output_scale),
    ):
        parts += [f"static const double {name}[{len(values)}] = {{", *_wrapped(values, "    ")]
        parts += ["};"]
    parts += ["", "/* Of each unit the weights of what comes in, and last the bias. Of a Gaussian"]
    parts += [" * process inverse lengths, slope and bias, then centre, height of each basis. */"]
    widest = 1
    calls = []
    for number, member in enumerate(function.members):
        if isinstance(member, KernelMember):
            bases = _basis_functions(member)
            parts += [f"static const double process_{number}[] = {{"]
            for values in (member.inverse_lengths, [*member.slope, member.bias], *bases):
                parts += _wrapped(values, "    ")
            parts += ["};"]
            calls += [f"    sums[{member.output}] += {float(member.weight)!r}"]
            gaussian = int(member.shape == "gaussian")
            calls += [f"        * process(process_{number}, {len(bases)}, {gaussian}, scaled);"]
            continue
        source, target = "scaled", "a"
        layers = _layers(member)
        for layer, units in enumerate(layers):
            name = f"net_{number}_layer_{layer}"
            n_out, width = units.shape
            widest = max(widest, n_out)
            parts += [f"static const double {name}[{n_out * width}] = {{"]
            parts += [line for unit in units for line in _wrapped(unit, "    ")]
            parts += ["};"]
            bent = int(layer + 1 < len(layers))
            calls += [f"    apply({name}, {width - 1}, {n_out}, {bent}, {source}, {target});"]
            source, target = target, "b" if target == "a" else "a"
        calls += [f"    sums[{member.output}] += {float(member.weight)!r} * {source}[0];"]
    n_in, n_out, one = function.n_inputs, function.n_outputs, function.n_outputs == 1
    head = "double predict(const double *inputs)"
    if not one:
        head = "void predict(const double *inputs, double *outputs)"
    end = [
        f"    for (i = 0; i < {n_out}; i++)",
        "        outputs[i] = output_offset[i] + output_scale[i] * sums[i];",
    ]
    if one:
        end = ["    return output_offset[0] + output_scale[0] * sums[0];"]
    kinds = {type(member) for member in function.members}
    parts += _c_process(n_in) if KernelMember in kinds else []
    parts += _C_APPLY if Member in kinds else []
    parts += [
        "",
        head,
        "{",
        f"    double scaled[{n_in}], sums[{n_out}] = {{0.0}}, a[{widest}], b[{widest}];",
        "    int i;",
        "    (void)a; /* a single layer leaves b unused, Gaussian processes both */",
        "    (void)b;",
        f"    for (i = 0; i < {n_in}; i++)",
        "        scaled[i] = (inputs[i] - input_offset[i]) / input_scale[i];",
        *calls,
        *end,
        "}",
        "",
    ]
    return "\n".join(parts)


_C_APPLY = [
    "",
    "static void apply(const double *units, int n_in, int n_out, int bent, const double *in,",
    "                  double *out)",
    "{",
    "    for (int o = 0; o < n_out; o++, units += n_in + 1) {",
    "        double sum = 0.0;",
    "        for (int i = 0; i < n_in; i++)",
    "            sum += units[i] * in[i];",
    "        sum += units[n_in];",
    "        out[o] = bent ? tanh(sum) : sum;",
    "    }",
    "}",
]


def _c_process(n_in: int) -> list[str]:
    """The function that sums up a Gaussian process."""
    return [
        "",
        "static double process(const double *numbers, int n_basis, int gaussian, const double *in)",
        "{",
        f"    const double *inverse = numbers, *slope = numbers + {n_in};",
        f"    double value = slope[{n_in}];",
        f"    for (int i = 0; i < {n_in}; i++)",
        "        value += slope[i] * in[i];",
        f"    numbers += {2 * n_in + 1};",
        f"    for (int b = 0; b < n_basis; b++, numbers += {n_in + 1}) {{",
        "        double squared = 0.0;",
        f"        for (int i = 0; i < {n_in}; i++) {{",
        "            double apart = in[i] * inverse[i] - numbers[i];",
        "            squared += apart * apart;",
        "        }",
        "        double r = sqrt(5.0 * squared);",
        "        double basis = exp(gaussian ? -0.5 * squared : -r);",
        f"        value += numbers[{n_in}] * (gaussian ? basis : basis * (1.0 + r + r * r / 3.0));",
        "    }",
        "    return value;",
        "}",
    ]


def _about(function: FittedFunction) -> list[str]:
    """What the file is, in lines for a comment."""
    inputs = [_plain(name) for name in function.input_names]
    inputs = inputs or [f"input {number}" for number in range(function.n_inputs)]
    outputs = [_plain(name) for name in function.output_names]
    outputs = outputs or [f"output {number}" for number in range(function.n_outputs)]
    width = max(len(name) for name in inputs)
    return [
        f"Fitted by facesmith {__version__}. Gives {', '.join(outputs)} for inputs in this order,",
        "fitted within these ranges; outside them nothing is known:",
        *(
            f"  {name:<{width}}  {low!r} to {high!r}"
            for name, low, high in zip(
                inputs, function.input_min.tolist(), function.input_max.tolist(), strict=True
            )
        ),
    ]


def _plain(name: str) -> str:
    """A column's name on one line, without what could end a comment or a line."""
    return "".join(c if c.isprintable() and c != "\\" else " " for c in name)


def _basis_functions(member: KernelMember) -> np.ndarray:
    """Place and height of each basis function, `(n, n_inputs + 1)`."""
    return np.column_stack([member.centres, member.heights])


def _layers(member: Member) -> list[np.ndarray]:
    """One array per layer, `(n_out, n_in + 1)`: weights and bias of each unit."""
    return [
        np.column_stack([weights.T, biases])
        for weights, biases in zip(member.weights, member.biases, strict=True)
    ]


def _wrapped(values: Iterable[float], indent: str) -> list[str]:
    """Numbers with commas after each, in lines of at most 100 characters."""
    lines, line = [], indent
    for value in values:
        text = f"{float(value)!r},"
        if len(line) + len(text) > _LINE_WIDTH and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += text + " "
    return [*lines, line.rstrip()]
