"""Random changes of patches that leave the label as it is, drawn from (seed, epoch, row) alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facesmith.training.arrays import Floats, Pixels

# Luma of ITU-R BT.601 for blue, green, red.
LUMA_BGR = np.array([0.114, 0.587, 0.299], dtype=np.float32)


@dataclass(frozen=True)
class Augmentation:
    """How far patches are changed. Every chance is drawn for each patch and epoch anew."""

    flip: float = 0.5  # chance of mirroring left and right
    max_shift: int = 4  # pixels, each way on each axis; the border is mirrored in
    brightness: float = 0.15  # largest amount added or taken, as a fraction of the full range
    contrast: float = 0.3  # contrast about mid-grey is multiplied by 1 +- this
    colour: float = 0.1  # each channel is multiplied by 1 +- this
    saturation: float = 0.5  # distance from grey is multiplied by 1 +- this
    grey: float = 0.1  # chance of no colour at all
    cutout: float = 0.25  # chance of a rectangle painted in one colour
    max_cutout: int = 24  # largest side of that rectangle, pixels


@dataclass(frozen=True)
class WarpedAugmentation(Augmentation):
    """The same, with the patch also turned and made larger or smaller; shifts need not be whole."""

    rotation: float = 10.0  # largest turn, degrees, either way
    zoom: float = 0.12  # largest change of size, as a logarithm: 12 % larger or smaller


def uniforms(seed: int, epoch: int, rows: npt.NDArray[np.integer], count: int) -> Floats:
    """Random numbers that belong to rows, whatever else was drawn before.

    Returns:
        float32 `(n, count)` for `n` rows, uniform in [0, 1).

    Source:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: the
        finaliser of SplitMix64, applied once for each of the four coordinates.
    """
    state = _mix(np.array([seed % 2**64], dtype=np.uint64))
    state = _mix(state + np.array([epoch], dtype=np.uint64))
    state = _mix(state + np.asarray(rows, dtype=np.uint64))[:, None]
    bits: npt.NDArray[np.uint64] = _mix(state + np.arange(count).astype(np.uint64))
    return np.asarray(bits >> np.uint64(40), dtype=np.float32) * np.float32(2**-24)


def _mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)), dtype=np.uint64)


def augment(
    images: Pixels, rows: npt.NDArray[np.integer], settings: Augmentation, *, seed: int, epoch: int
) -> tuple[Pixels, Floats, Floats]:
    """The patches of some rows, moved and painted over, and the colour change still to be applied.

    The training applies the change of colour: `pixels @ matrix + offset`.

    Args:
        images: All patches, uint8 `(n, height, width, 3)`, BGR. Not modified.
        rows: Which of them, `(m,)`.
        settings: How far to go.
        seed: Of the training.
        epoch: 0 for the first.

    Returns:
        Patches uint8 `(m, height, width, 3)`, matrices float32 `(m, 3, 3)`, offsets float32
        `(m, 1, 3)`, these two for pixels in 0..255.
    """
    draws = uniforms(seed, epoch, rows, 16)
    moved = _move(images, rows, draws[:, :3], settings)
    _cut_out(moved, draws[:, 3:9], settings)
    return moved, *_colour(draws[:, 9:16], settings)


def augment_warped(
    images: Pixels,
    rows: npt.NDArray[np.integer],
    settings: WarpedAugmentation,
    *,
    seed: int,
    epoch: int,
) -> tuple[Pixels, Floats, Floats, Floats]:
    """The patches of some rows, painted over, and the changes of colour and place still to do.

    Returns:
        Patches, matrices and offsets as `augment` does, and affine maps float32 `(m, 2, 3)` from
        places in the new patch to places in the old one, both from -1 to 1, x before y.
    """
    draws = uniforms(seed, epoch, rows, 18)
    painted = images[rows]
    _cut_out(painted, draws[:, 3:9], settings)
    places = _places(draws[:, [0, 1, 2, 16, 17]], settings, side=images.shape[2])
    return painted, *_colour(draws[:, 9:16], settings), places


def _places(draws: Floats, settings: WarpedAugmentation, side: int) -> Floats:
    """Mirror, shift, turn and size as one affine map a patch."""
    spread = draws * 2 - 1
    angle = np.deg2rad(spread[:, 3] * settings.rotation)
    size = np.exp(spread[:, 4] * settings.zoom)
    mirror = np.where(draws[:, 0] < settings.flip, -1, 1)
    places = np.empty((len(draws), 2, 3), np.float32)
    places[:, 0, 0], places[:, 0, 1] = np.cos(angle) * size * mirror, -np.sin(angle) * size
    places[:, 1, 0], places[:, 1, 1] = np.sin(angle) * size * mirror, np.cos(angle) * size
    places[:, :, 2] = spread[:, 1:3] * settings.max_shift * 2 / side
    return places


def _move(
    images: Pixels, rows: npt.NDArray[np.integer], draws: Floats, settings: Augmentation
) -> Pixels:
    """Each patch mirrored or not, shifted by whole pixels; what moves in is mirrored too."""
    height, width = images.shape[1:3]
    max_shift = settings.max_shift
    shifts = np.floor(draws[:, 1:3] * (2 * max_shift + 1)).astype(np.intp) - max_shift
    flips = draws[:, 0] < settings.flip
    moved = np.empty((len(rows), height, width, 3), dtype=np.uint8)
    places = {size: np.pad(np.arange(size), max_shift, mode="reflect") for size in {height, width}}
    # Slices of one patch at a time beat one gather over all: each copies whole lines.
    for i, row in enumerate(rows):
        dy, dx = shifts[i]
        patch = images[row]
        if dy:
            patch = patch[places[height][max_shift + dy : max_shift + dy + height]]
        if dx:
            patch = patch[:, places[width][max_shift + dx : max_shift + dx + width]]
        moved[i] = patch[:, ::-1] if flips[i] else patch
    return moved


def _cut_out(patches: Pixels, draws: Floats, settings: Augmentation) -> None:
    """Paint a rectangle over some patches, in place, in a colour of the patch itself."""
    height, width = patches.shape[1:3]
    for i in np.flatnonzero(draws[:, 0] < settings.cutout):
        size = 4 + np.floor(draws[i, 1:3] * max(settings.max_cutout - 3, 1)).astype(int)
        y, x = np.floor(draws[i, 3:5] * ([height, width] - size + 1)).astype(int)
        patches[i, y : y + size[0], x : x + size[1]] = patches[i, int(draws[i, 5] * height), x]


def _colour(draws: Floats, settings: Augmentation) -> tuple[Floats, Floats]:
    """Brightness, contrast, colour and saturation as one matrix and one offset a patch."""
    spread = draws * 2 - 1
    contrast = 1 + spread[:, 0:1] * settings.contrast
    gains = 1 + spread[:, 1:4] * settings.colour
    saturation = 1 + spread[:, 4] * settings.saturation
    saturation = np.where(draws[:, 5] < settings.grey, 0, saturation).astype(np.float32)
    # Column j of a matrix makes channel j: a mix of the channel and of the luma.
    mix = saturation[:, None, None] * np.eye(3, dtype=np.float32)
    mix = mix + (1 - saturation)[:, None, None] * LUMA_BGR[:, None]
    matrices = mix * (contrast * gains)[:, None, :]
    offsets = 127.5 * (1 - contrast) + 255 * spread[:, 6:7] * settings.brightness
    return matrices, np.broadcast_to(offsets[:, None, :], (len(draws), 1, 3)).astype(np.float32)
