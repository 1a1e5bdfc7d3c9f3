"""Noise with the look of hair, cloth, leaves and walls, cut from a small bank made once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

_SIDE = 256  # px; every field repeats seamlessly after this many
# Name -> (exponent of the fall of the spectrum, stretch along y, narrowest and widest frequency).
_SPECTRA = {
    "cloud": (1.9, 1.0, 1.0, 128.0),
    "rough": (1.2, 1.0, 2.0, 128.0),
    "fine": (0.4, 1.0, 8.0, 128.0),
    "streak": (0.8, 9.0, 4.0, 128.0),
    "grain": (1.0, 4.0, 2.0, 128.0),
    "leaf": (0.0, 1.0, 10.0, 22.0),
    "curl": (0.0, 1.0, 14.0, 18.0),
}


@lru_cache(maxsize=1)
def _bank() -> dict[str, npt.NDArray[np.float32]]:
    """The fields, each float32 `(256, 256)` in [-1, 1]; the same on every call and machine."""
    frequency_y = np.fft.fftfreq(_SIDE, 1 / _SIDE)[:, None]
    frequency_x = np.fft.fftfreq(_SIDE, 1 / _SIDE)[None, :]
    bank = {}
    for number, (name, (fall, stretch, low, high)) in enumerate(_SPECTRA.items()):
        radius = np.hypot(frequency_x, frequency_y * stretch)
        band = (radius >= low) & (radius <= high)
        amplitude = np.where(band, np.maximum(radius, 1.0) ** -fall, 0.0)
        phase = np.random.default_rng([17, number]).uniform(0, 2 * np.pi, (_SIDE, _SIDE))
        field = np.fft.ifft2(amplitude * np.exp(1j * phase)).real
        field /= 2.5 * field.std()
        bank[name] = np.clip(field, -1, 1).astype(np.float32)
    return bank


def texture(
    name: str, rng: np.random.Generator, width: int, height: int, zoom: float = 1.0
) -> npt.NDArray[np.float32]:
    """A random piece of an enlarged field, float32 `(height, width)`, in [-1, 1], around 0.

    Names are "cloud", "rough", "fine", "streak" (along y), "grain", "leaf" and "curl".
    """
    field = _bank()[name]
    top, left = rng.integers(0, _SIDE, 2)
    rows = (top + (np.arange(height) / zoom).astype(np.intp)) % _SIDE
    columns = (left + (np.arange(width) / zoom).astype(np.intp)) % _SIDE
    piece: npt.NDArray[np.float32] = field[rows[:, None], columns[None, :]]
    return piece
