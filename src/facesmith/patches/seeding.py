"""Randomness that depends on the seed and on what is drawn for, and on nothing else."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def name_number(*parts: object) -> int:
    """A number of 64 bits that looks random, the same for the same words on every machine."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def generator(seed: int, *parts: object) -> np.random.Generator:
    """A generator of its own for what `parts` name."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, name_number(*parts)])))
