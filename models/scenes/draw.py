"""The drawn world: coloured shapes with two-digit numbers on them, and questions.

A scene is 112x112 pixels with at most one figure in each cell of a 3x3 grid, no two of
one colour and no two with one number, so that every question has one answer. All
randomness comes from the random.Random passed in: a seed always draws the same.
"""

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (235, 205, 40),
    "purple": (140, 60, 170),
    "orange": (245, 140, 30),
    "cyan": (40, 190, 210),
    "gray": (130, 130, 130),
}
DARK_INK = ("yellow", "cyan", "orange")  # colours too light for white digits
SHAPES = ["circle", "square", "triangle", "diamond"]
SIZE, GRID = 112, 3
CELL = SIZE // GRID
FEWEST, MOST = 3, 7  # figures in a scene
FONT = ImageFont.load_default(size=16)


@dataclass(frozen=True)
class Figure:
    """One coloured shape; x, y (its centre) and radius are in pixels."""

    colour: str
    shape: str
    number: str
    x: int
    y: int
    radius: int


@dataclass(frozen=True)
class Question:
    """A question, its answer (digits are separate words), and what it is about."""

    text: str
    answer: str
    about: list[Figure]


def scene(rng: random.Random, fewest: int = FEWEST, most: int = MOST) -> list[Figure]:
    """Returns `fewest` to `most` figures, each in a grid cell of its own."""
    count = rng.randint(fewest, most)
    cells = rng.sample(range(GRID * GRID), count)
    colours = rng.sample(list(COLOURS), count)
    shapes = [rng.choice(SHAPES) for _ in colours]
    numbers = rng.sample(range(10, 100), count)
    each = zip(cells, colours, shapes, numbers, strict=True)
    return [figure(rng, *kind) for kind in each]


def figure(
    rng: random.Random, cell: int, colour: str, shape: str, number: int
) -> Figure:
    """Places a figure in its cell, a little off the centre."""
    radius = rng.randint(14, 16)
    x = (cell % GRID) * CELL + CELL // 2 + rng.randint(-2, 2)
    y = (cell // GRID) * CELL + CELL // 2 + rng.randint(-2, 2)
    return Figure(colour, shape, str(number), x, y, radius)


def draw(figures: list[Figure], rng: random.Random) -> Image.Image:
    """Returns the scene as an RGB image; background and colours vary a little."""
    light = rng.randint(225, 255)
    image = Image.new("RGB", (SIZE, SIZE), (light, light, rng.randint(225, 255)))
    pen = ImageDraw.Draw(image)
    for f in figures:
        fill = tuple(clamp(v + rng.randint(-12, 12)) for v in COLOURS[f.colour])
        outline(pen, f, fill)
        ink = (0, 0, 0) if f.colour in DARK_INK else (255, 255, 255)
        lower = 4 if f.shape == "triangle" else 0  # where a triangle is wide enough
        pen.text((f.x, f.y + lower), f.number, font=FONT, fill=ink, anchor="mm")
    return image


def outline(pen: ImageDraw.ImageDraw, f: Figure, fill: tuple[int, ...]) -> None:
    """Draws the filled shape; each is scaled to leave room for two digits."""
    x, y, r = f.x, f.y, f.radius
    match f.shape:
        case "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        case "square":
            pen.rectangle((x - r + 2, y - r + 2, x + r - 2, y + r - 2), fill=fill)
        case "triangle":
            corners = [(x, y - r - 2), (x - r - 3, y + r), (x + r + 3, y + r)]
            pen.polygon(corners, fill=fill)
        case "diamond":
            d = r + 4
            corners = [(x, y - d), (x - d, y), (x, y + d), (x + d, y)]
            pen.polygon(corners, fill=fill)
        case _:
            raise ValueError(f"no such shape: {f.shape}")


def clamp(value: int) -> int:
    return max(0, min(255, value))


def question(figures: list[Figure], rng: random.Random) -> Question:
    """Asks for a number (60 %), a shape (25 %) or a count (15 %)."""
    f, kind = rng.choice(figures), rng.random()
    if kind < 0.60:
        text = f"what number is on the {f.colour} {f.shape} ?"
        return Question(text, " ".join(f.number), [f])
    if kind < 0.85:
        return Question(f"what shape is {f.colour} ?", f.shape, [f])
    shape = rng.choice(SHAPES)
    about = [other for other in figures if other.shape == shape]
    return Question(f"how many {shape} s are there ?", str(len(about)), about)
