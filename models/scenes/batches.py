"""What the model is shown: drawn batches, and what it should say and look at."""

import random
from dataclasses import dataclass

import torch

from draw import COLOURS, SHAPES, Figure, draw, question, scene
from llava import ID, PATCH, PATCHES, SIDE, ids, pixels

IGNORED = -100  # a label that costs nothing
BACKGROUND = len(COLOURS)
COLOUR_NAMES = list(COLOURS)


@dataclass(frozen=True)
class Gaze:
    """Where the token that says a word of an answer should look: image tokens."""

    row: int
    position: int
    patches: list[int]


@dataclass(frozen=True)
class Batch:
    """The model's inputs, labels among them, and where its answers should look."""

    inputs: dict[str, torch.Tensor]
    gazes: list[Gaze]


def patches(figure: Figure) -> list[int]:
    """Returns the patches whose centre a figure's square covers, in reading order."""

    def near(centre: int) -> list[int]:
        middles = [p * PATCH + PATCH // 2 for p in range(SIDE)]
        reach = figure.radius - 1
        return [p for p, middle in enumerate(middles) if abs(middle - centre) <= reach]

    return [y * SIDE + x for y in near(figure.y) for x in near(figure.x)]


def labelled(
    rng: random.Random, size: int, fewest: int, most: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns pixels, and labels [size, PATCHES, 4] of what each patch lies on.

    The four are colour (or background), shape, tens and ones; IGNORED where none.
    """
    images, labels = [], torch.full((size, PATCHES, 4), IGNORED)
    labels[:, :, 0] = BACKGROUND
    for row in range(size):
        figures = scene(rng, fewest, most)
        images.append(draw(figures, rng))
        for f in figures:
            tens, ones = map(int, f.number)
            names = [COLOUR_NAMES.index(f.colour), SHAPES.index(f.shape), tens, ones]
            labels[row, patches(f)] = torch.tensor(names)
    return pixels(images), labels


class Dialogue:
    """One scene's questions and answers in one sequence, the image first."""

    BEFORE_IMAGE = "<s> USER:"
    IMAGE_STARTS = len(BEFORE_IMAGE.split())

    def __init__(self) -> None:
        self.tokens = ids(self.BEFORE_IMAGE) + [ID["<image>"]] * PATCHES
        self.labels = [IGNORED] * len(self.tokens)

    def add(self, text: str, answer: str, first: bool) -> range:
        """Appends a question and its answer; returns the positions that say it."""
        asked = ids(text if first else f"USER: {text}") + [ID["ASSISTANT:"]]
        said = ids(answer)
        start = len(self.tokens) + len(asked)
        end = [ID["</s>"]]
        self.tokens += asked + said + end
        self.labels += [IGNORED] * len(asked) + said + end
        return range(start - 1, start - 1 + len(said))


def dialogues(
    rng: random.Random, size: int, questions: int, fewest: int, most: int
) -> Batch:
    """Returns `size` scenes with `questions` questions each, padded on the right."""
    images, rows, gazes = [], [], []
    for row in range(size):
        figures = scene(rng, fewest, most)
        images.append(draw(figures, rng))
        dialogue = Dialogue()
        for i in range(questions):
            q = question(figures, rng)
            where = [p for f in q.about for p in patches(f)]
            positions = dialogue.add(q.text, q.answer, first=i == 0)
            if where:  # a count of none looks nowhere
                gazes += [Gaze(row, position, where) for position in positions]
        rows.append(dialogue)
    return Batch({**padded(rows), "pixel_values": pixels(images)}, gazes)


def padded(rows: list[Dialogue]) -> dict[str, torch.Tensor]:
    """Returns token ids, labels and attention mask, each [rows, longest row]."""
    shape = len(rows), max(len(row.tokens) for row in rows)
    tokens = torch.full(shape, ID["<pad>"])
    labels = torch.full(shape, IGNORED)
    mask = torch.zeros(shape, dtype=torch.long)
    for i, row in enumerate(rows):
        length = len(row.tokens)
        tokens[i, :length] = torch.tensor(row.tokens)
        labels[i, :length] = torch.tensor(row.labels)
        mask[i, :length] = 1
    return {"input_ids": tokens, "labels": labels, "attention_mask": mask}
