"""Who is drawn, and how that person looks in one photo."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facesmith.demo.synthetic.canvas import Colour, mix, random_colour, rgb
from facesmith.demo.synthetic.head import HeadShape

# From light to dark; in between is mixed.
SKINS = np.array([
    [246, 221, 204], [240, 205, 180], [228, 184, 152], [211, 161, 122], [186, 132, 92],
    [154, 103, 70], [120, 76, 51], [88, 55, 39], [62, 40, 31],
], dtype=np.float64)  # fmt: skip
HAIRS = np.array([
    [28, 23, 22], [48, 34, 27], [82, 54, 36], [122, 82, 50], [176, 130, 76], [219, 184, 124],
    [158, 72, 38],
], dtype=np.float64)  # fmt: skip
HAIR_WEIGHTS = np.array([0.28, 0.24, 0.18, 0.1, 0.08, 0.07, 0.05])
IRISES = np.array([[62, 40, 26], [92, 62, 36], [96, 110, 66], [84, 118, 148], [110, 124, 130]])

HAIRSTYLES = {
    "bald": 0.07, "buzz": 0.1, "short": 0.2, "parted": 0.13, "receding": 0.07, "fringe": 0.1,
    "bob": 0.1, "long": 0.12, "curly": 0.06, "afro": 0.05,
}  # fmt: skip
BEARDS = {"none": 0.55, "stubble": 0.17, "full": 0.14, "moustache": 0.06, "goatee": 0.08}
HATS = {"beanie": 0.3, "cap": 0.3, "brim": 0.18, "helmet": 0.12, "hood": 0.1}
GLASSES = {"round": 0.3, "square": 0.4, "rimless": 0.15, "sun": 0.15}


@dataclass(frozen=True)
class Person:
    """What stays the same from photo to photo. Lengths in half heights of the head."""

    shape: HeadShape
    skin: Colour
    hair: Colour
    brows: Colour
    iris: Colour
    lips: Colour
    hairstyle: str
    hairline: float  # its height over the middle of the forehead
    hair_volume: float  # swelling of the hair over the skull
    parting: float  # where the hair parts, -1 left to 1 right
    headscarf: bool
    beard: str
    glasses: str  # "" for none
    age: float  # 0 a young face, 1 an old one; below 0 a child
    freckles: bool
    eye_distance: float
    eye_height: float
    eye_width: float
    eye_opening: float
    eye_tilt: float
    brow_thickness: float
    brow_arch: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    lip_fullness: float
    ear_size: float
    lashes: float


@dataclass(frozen=True)
class View:
    """How a person looks in one photo."""

    yaw: float
    pitch: float
    roll: float
    smile: float  # -1 corners down, 1 corners up
    mouth_open: float
    eyes_open: float
    gaze: float
    brow_lift: float
    light: tuple[float, float, float]  # towards the light
    ambient: float
    diffuse: float
    warmth: float  # of the light: -1 blue, 1 orange
    glasses: str
    mask: str  # "" for none, "surgical", "cloth" or "respirator"
    hat: str  # "" for none
    accent: Colour  # of hat, scarf or mask
    cloth: Colour
    collar: str


def draw_person(rng: np.random.Generator) -> Person:
    """A person by chance."""
    child = rng.random() < 0.13
    age = -rng.uniform(0.3, 1) if child else float(rng.beta(1.3, 1.8))
    long_haired = rng.random() < 0.48  # hair, beard and lashes go together loosely
    tone = rng.beta(1.1, 1.25) * (len(SKINS) - 1.001)
    low = int(tone)
    skin = mix(SKINS[low], SKINS[low + 1], tone - low)
    skin = np.clip(skin * rng.normal(1, 0.03, 3) * rng.normal(1, 0.03), 0, 255)
    hair = HAIRS[rng.choice(len(HAIRS), p=HAIR_WEIGHTS / HAIR_WEIGHTS.sum())]
    if tone > 4.5:
        hair = HAIRS[rng.integers(0, 2)]
    hair = np.clip(hair * rng.normal(1, 0.12) * rng.normal(1, 0.04, 3), 8, 250)
    brows = mix(hair * 0.75, rgb(40, 30, 26), 0.3)
    grey = max(age - 0.55, 0) * 2.2 * rng.uniform(0.3, 1)
    hair = mix(hair, rgb(205, 203, 200), min(grey, 0.95))
    if rng.random() < 0.03:
        hair = random_colour(rng, saturation=0.9, low=120)
    style = _hairstyle(rng, child=child, long_haired=long_haired, age=age)
    softer = long_haired or child
    lips = mix(skin, rgb(168, 62, 66), rng.uniform(0.25, 0.5))
    if long_haired and not child and rng.random() < 0.3:
        lips = mix(lips, rgb(178, 24, 48), rng.uniform(0.3, 0.75))
    shape = HeadShape(
        width=rng.normal(0.75, 0.03) + 0.05 * child,
        jaw=rng.uniform(2.1, 2.5) if softer else rng.uniform(2.2, 3.0),
        taper=rng.uniform(0.05, 0.24),
        depth=rng.uniform(0.84, 0.96),
    )
    return Person(
        shape=shape,
        skin=skin,
        hair=hair,
        brows=brows,
        iris=IRISES[rng.integers(0, 2 if tone > 4 else len(IRISES))] * rng.normal(1, 0.1),
        lips=lips,
        hairstyle=style,
        hairline=rng.uniform(-0.68, -0.52) - 0.12 * (style == "receding"),
        hair_volume={"buzz": 1.02, "bald": 1.0, "afro": 1.34, "curly": 1.19}.get(style, 1.09)
        + rng.uniform(-0.02, 0.04) * (style not in ("buzz", "bald")),
        parting=rng.uniform(-1, 1),
        headscarf=bool(long_haired and not child and rng.random() < 0.11),
        beard=pick(rng, BEARDS) if not softer else "none",
        glasses=pick(rng, GLASSES) if rng.random() < 0.18 + 0.25 * max(age, 0) else "",
        age=age,
        freckles=bool(tone < 3 and rng.random() < 0.18),
        eye_distance=rng.normal(0.315, 0.014),
        eye_height=rng.normal(0.0, 0.025) + 0.09 * child,
        eye_width=rng.normal(0.145, 0.01) + 0.02 * child,
        eye_opening=rng.uniform(0.055, 0.085) + 0.02 * child,
        eye_tilt=rng.normal(0.03, 0.05),
        brow_thickness=rng.uniform(0.022, 0.04) if softer else rng.uniform(0.03, 0.06),
        brow_arch=rng.uniform(0.0, 0.045),
        nose_length=rng.normal(0.4, 0.025) - 0.09 * child,
        nose_width=rng.normal(0.145, 0.02) - 0.02 * child,
        mouth_height=rng.normal(0.635, 0.018),
        mouth_width=rng.normal(0.27, 0.025) - 0.03 * child,
        lip_fullness=rng.uniform(0.035, 0.075),
        ear_size=rng.uniform(0.85, 1.2),
        lashes=rng.uniform(0.5, 1.3) if long_haired else rng.uniform(0.0, 0.6),
    )


def draw_view(rng: np.random.Generator, person: Person) -> View:
    """How `person` looks in one photo, by chance."""
    side = rng.uniform(-1.0, 1.0)
    height = rng.uniform(-0.9, 0.25)
    contrast = rng.beta(1.6, 2.0)
    occasion = rng.random()
    mood = rng.random()
    turned = rng.random() < 0.22
    return View(
        yaw=float(np.clip(rng.normal(0, 0.5 if turned else 0.26), -0.8, 0.8)),
        pitch=float(np.clip(rng.normal(-0.03, 0.16), -0.42, 0.42)),
        roll=float(np.clip(rng.normal(0, 0.13), -0.5, 0.5)),
        smile=float(np.clip(rng.normal(0.35, 0.45), -0.8, 1.0)),
        mouth_open=float(rng.uniform(0.35, 1.0) if mood > 0.62 else rng.uniform(0, 0.12)),
        eyes_open=float(0.0 if rng.random() < 0.04 else rng.uniform(0.65, 1.15)),
        gaze=float(np.clip(rng.normal(0, 0.35), -0.8, 0.8)),
        brow_lift=float(rng.normal(0, 0.03)),
        light=(side, height, math.sqrt(max(1.3 - side**2 - 0.5 * height**2, 0.08))),
        ambient=1.0 - 0.62 * contrast,
        diffuse=0.95 * contrast,
        warmth=float(rng.normal(0.1, 0.45)),
        glasses=person.glasses if rng.random() < 0.85 else ("sun" if rng.random() < 0.35 else ""),
        mask=str(rng.choice(["surgical", "cloth", "respirator"])) if occasion < 0.07 else "",
        hat=pick(rng, HATS) if 0.07 <= occasion < 0.2 and not person.headscarf else "",
        accent=random_colour(rng, saturation=0.85, low=40, high=240),
        cloth=random_colour(rng, saturation=0.75, low=25, high=235),
        collar=str(rng.choice(["round", "shirt", "v", "high"])),
    )


def _hairstyle(rng: np.random.Generator, *, child: bool, long_haired: bool, age: float) -> str:
    weights = dict(HAIRSTYLES)
    barred = ("buzz", "bald", "receding", "short") if long_haired else ("bob", "long", "fringe")
    for name in barred:
        weights[name] *= 0.08
    if child:
        weights["bald"] = weights["receding"] = 0.0
    weights["receding"] *= 1 + 3 * max(age - 0.3, 0)
    return pick(rng, weights)


def pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """One of the names, with a chance in proportion to its weight."""
    total = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(total, rng.random() * total[-1], side="right"))]
