"""A fitted function as source code that needs nothing: Python with `math`, or C with `math.h`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from string import Template, ascii_letters, digits
from typing import Any

import numpy as np

from facesmith._version import __version__
from facesmith.approximation.model.fitted import FittedFunction, Member
from facesmith.approximation.model.kernel_member import KernelMember
from facesmith.errors import WeightsError
from facesmith.printable import shortened_text

LANGUAGES = ("python", "c")
SUFFIXES = {"python": ".py", "c": ".c"}
_LINE_WIDTH = 100  # characters
# Characters of a name in a comment; longer ones are cut.
_LONGEST_NAME = 40
_PLAIN_CHARACTERS = frozenset(ascii_letters + digits + " _-.,()[]{}%+/<>|&;!@#^~'$")
_SCALING = ("input_offset", "input_scale", "output_offset", "output_scale")

_PYTHON = Template('''\
$about

from math import asinh, exp, sinh, sqrt, tanh

# Of each input and output that is bent, centre and width; width 0 for those that are not.
$bends
$scaling
# Of each net: its output, its part in it, and its layers. Of each layer: for every unit the
# weights of what comes in, and last the bias.
$nets
# Of each Gaussian process: its output, its part in it, whether its basis functions are Gaussian or
# Matern's, the inverse lengths, slope and bias of its plane, and of each basis function the centre
# and the height.
$processes


def predict(inputs):
    """The prediction for the inputs of one row; several outputs make a list."""
    if len(inputs) != len(INPUT_OFFSET):
        raise ValueError("expected %d inputs; got %d" % (len(INPUT_OFFSET), len(inputs)))
    inputs = [asinh((x - c) / w) if w else x for x, (c, w) in zip(inputs, INPUT_BENDS)]
    scaled = [(x - o) / s for x, o, s in zip(inputs, INPUT_OFFSET, INPUT_SCALE)]
    sums = [0.0] * len(OUTPUT_OFFSET)
    for output, part, layers in NETS:
        values = scaled
        for number, units in enumerate(layers, 1):
            values = [sum(w * v for w, v in zip(u, values)) + u[-1] for u in units]
            if number < len(layers):
                values = [tanh(value) for value in values]
        sums[output] += part * values[0]
    for output, part, gaussian, inverse, slope, value, bases in PROCESSES:
        value += sum(s * x for s, x in zip(slope, scaled))
        at = [i * x for i, x in zip(inverse, scaled)]
        for basis in bases:
            squared = sum((a - c) * (a - c) for a, c in zip(at, basis))
            if gaussian:
                value += basis[-1] * exp(-0.5 * squared)
            else:
                r = sqrt(5.0 * squared)
                value += basis[-1] * (1.0 + r + r * r / 3.0) * exp(-r)
        sums[output] += part * value
    outputs = [o + s * y for o, s, y in zip(OUTPUT_OFFSET, OUTPUT_SCALE, sums)]
    outputs = [c + w * sinh(y) if w else y for y, (c, w) in zip(outputs, OUTPUT_BENDS)]
    return $result
''')

_C = Template("""\
$about

#include <math.h>

$scaling
/* Of each input and output centre and width of its bend; width 0 for those that are not bent. */
$bends

/* Of each unit the weights of what comes in, and last the bias. Of a Gaussian process inverse
 * lengths, slope and bias, then centre and height of each basis function. */
$numbers
$functions
static double straightened(int output, double sum)
{
    double y = output_offset[output] + output_scale[output] * sum;
    double centre = output_bends[2 * output], width = output_bends[2 * output + 1];
    return width > 0.0 ? centre + width * sinh(y) : y;
}

$head
{
    double scaled[$n_in], sums[$n_out] = {0.0}, a[$widest], b[$widest];
    int i;
    (void)a; /* a single layer leaves b unused, Gaussian processes both */
    (void)b;
    for (i = 0; i < $n_in; i++) {
        double x = inputs[i], centre = input_bends[2 * i], width = input_bends[2 * i + 1];
        x = width > 0.0 ? asinh((x - centre) / width) : x;
        scaled[i] = (x - input_offset[i]) / input_scale[i];
    }
$sums
$end
}
""")
_C_ONE = (
    "double predict(const double *inputs)",
    "    return straightened(0, sums[0]);",
)
_C_SEVERAL = (
    "void predict(const double *inputs, double *outputs)",
    """\
    for (i = 0; i < $n_out; i++)
        outputs[i] = straightened(i, sums[i]);""",
)

_C_APPLY = """
static void apply(const double *units, int n_in, int n_out, int bent, const double *in,
                  double *out)
{
    for (int o = 0; o < n_out; o++, units += n_in + 1) {
        double sum = 0.0;
        for (int i = 0; i < n_in; i++)
            sum += units[i] * in[i];
        sum += units[n_in];
        out[o] = bent ? tanh(sum) : sum;
    }
}
"""

_C_PROCESS = """
static double process(const double *numbers, int n_in, int n_basis, int gaussian, const double *in)
{
    const double *inverse = numbers, *slope = numbers + n_in;
    double value = slope[n_in];
    for (int i = 0; i < n_in; i++)
        value += slope[i] * in[i];
    numbers += 2 * n_in + 1;
    for (int b = 0; b < n_basis; b++, numbers += n_in + 1) {
        double squared = 0.0;
        for (int i = 0; i < n_in; i++) {
            double apart = in[i] * inverse[i] - numbers[i];
            squared += apart * apart;
        }
        double r = sqrt(5.0 * squared);
        double basis = exp(gaussian ? -0.5 * squared : -r);
        value += numbers[n_in] * (gaussian ? basis : basis * (1.0 + r + r * r / 3.0));
    }
    return value;
}
"""


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
    arrays = [getattr(function, name) for name in _SCALING]
    arrays += [bends for _, bends in _bends(function)]
    for member in function.members:
        if isinstance(member, KernelMember):
            arrays += [member.centres, member.heights, member.slope, np.array(member.bias)]
        else:
            arrays += [*member.weights, *member.biases]
    return all(np.isfinite(array).all() for array in arrays)


def _python(function: FittedFunction) -> str:
    nets: list[Any] = []
    processes: list[Any] = []
    for member in function.members:
        part = (member.output, float(member.weight))
        if isinstance(member, Member):
            nets.append((*part, [units.tolist() for units in _layers(member)]))
            continue
        plane = (member.inverse_lengths.tolist(), member.slope.tolist(), float(member.bias))
        bases = _basis_functions(member).tolist()
        processes.append((*part, member.shape == "gaussian", *plane, bases))
    return _PYTHON.substitute(
        about="\n".join(f"# {line}" for line in _about(function)),
        scaling="\n".join(
            _wrapped(f"{name.upper()} = {getattr(function, name).tolist()}") for name in _SCALING
        ),
        bends="\n".join(
            _wrapped(f"{name.upper()} = {bends.tolist()}") for name, bends in _bends(function)
        ),
        nets=_wrapped(f"NETS = {nets}"),
        processes=_wrapped(f"PROCESSES = {processes}"),
        result="outputs[0]" if function.n_outputs == 1 else "outputs",
    )


def _bends(function: FittedFunction) -> list[tuple[str, np.ndarray]]:
    """Names and bends of inputs and outputs, of width 0 where none is."""
    found = []
    for name, n_columns in (
        ("input_bends", function.n_inputs),
        ("output_bends", function.n_outputs),
    ):
        bends = getattr(function, name)
        found.append((name, np.zeros((n_columns, 2)) if bends is None else bends))
    return found


def _c(function: FittedFunction) -> str:
    about = _about(function)
    numbers, sums = [], []
    widest = 1
    for number, member in enumerate(function.members):
        part = f"    sums[{member.output}] += {float(member.weight)!r}"
        if isinstance(member, KernelMember):
            name, bases = f"process_{number}", _basis_functions(member)
            plane = (*member.inverse_lengths, *member.slope, member.bias)
            numbers.append(_c_array(name, (*plane, *bases.ravel())))
            how = f"{function.n_inputs}, {len(bases)}, {int(member.shape == 'gaussian')}"
            sums += [part, f"        * process({name}, {how}, scaled);"]
            continue
        source, target = "scaled", "a"
        layers = _layers(member)
        for layer, units in enumerate(layers, 1):
            name = f"net_{number}_layer_{layer}"
            n_out, width = units.shape
            widest = max(widest, n_out)
            numbers.append(_c_array(name, units.ravel()))
            how = f"{width - 1}, {n_out}, {int(layer < len(layers))}"
            sums.append(f"    apply({name}, {how}, {source}, {target});")
            source, target = target, "b" if target == "a" else "a"
        sums.append(f"{part} * {source}[0];")
    kinds = {type(member) for member in function.members}
    head, end = _C_ONE if function.n_outputs == 1 else _C_SEVERAL
    return _C.substitute(
        about="/* " + "\n * ".join(about) + "\n */",
        scaling="\n".join(_c_array(name, getattr(function, name)) for name in _SCALING),
        bends="\n".join(_c_array(name, bends.ravel()) for name, bends in _bends(function)),
        numbers="\n".join(numbers),
        functions=_C_PROCESS * (KernelMember in kinds) + _C_APPLY * (Member in kinds),
        head=head,
        n_in=function.n_inputs,
        n_out=function.n_outputs,
        widest=widest,
        sums="\n".join(sums),
        end=Template(end).substitute(n_out=function.n_outputs),
    )


def _c_array(name: str, values: Iterable[float]) -> str:
    numbers = ", ".join(repr(float(value)) for value in values)
    return _wrapped(f"static const double {name}[] = {{ {numbers} }};")


def _about(function: FittedFunction) -> list[str]:
    """What the file is, in lines for a comment.

    No name stands in the first two lines: Python looks for the file's encoding there.
    """
    inputs = [comment_name(name) for name in function.input_names]
    inputs = inputs or [f"input {number}" for number in range(function.n_inputs)]
    outputs = [comment_name(name) for name in function.output_names]
    outputs = outputs or [f"output {number}" for number in range(function.n_outputs)]
    width = max(len(name) for name in inputs)
    ranges = zip(inputs, function.input_min.tolist(), function.input_max.tolist(), strict=True)
    return [
        f"Fitted by facesmith {__version__}. Names with anything but plain ASCII stand in quotes,",
        "their characters as in JSON.",
        "Gives:",
        *(f"  {name}" for name in outputs),
        "for inputs in this order, fitted within these ranges; outside them nothing is known:",
        *(f"  {name:<{width}}  {low!r} to {high!r}" for name, low, high in ranges),
    ]


def comment_name(name: str) -> str:
    r"""A column's name as ASCII that means nothing in a comment of Python or C.

    Names of plain characters stay as they are. Others stand in quotes, what could end the comment
    or the line, join lines (a backslash, a trigraph) or declare an encoding or an editor's
    settings (a colon, an equals sign) written as in JSON; the middle of long ones is left out.

    Example:
        >>> print(comment_name("speed, m/s"), comment_name("wage coding: 1"), comment_name("*/"))
        speed, m/s "wage coding\u003a 1" "\u002a/"
    """
    name = shortened_text(name, _LONGEST_NAME)
    if name and name == name.strip() and _PLAIN_CHARACTERS.issuperset(name):
        return name
    escaped = (each if each in _PLAIN_CHARACTERS else _json_escape(each) for each in name)
    return f'"{"".join(escaped)}"'


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _basis_functions(member: KernelMember) -> np.ndarray:
    """Place and height of each basis function, `(n, n_inputs + 1)`."""
    return np.column_stack([member.centres, member.heights])


def _layers(member: Member) -> list[np.ndarray]:
    """One array per layer, `(n_out, n_in + 1)`: weights and bias of each unit."""
    return [np.column_stack([weights.T, biases]) for weights, biases in member.layers]


def _wrapped(code: str) -> str:
    """A statement in lines of at most 100 characters, broken at its blanks."""
    whole: Any = {"break_on_hyphens": False, "break_long_words": False}
    return textwrap.fill(code, _LINE_WIDTH, subsequent_indent="    ", **whole)
