"""Writes pictures and questions that no training run draws.

python heldout.py OUT [--pictures N] [--seed S]
"""

import argparse
import json
import random
from pathlib import Path

from draw import Figure, draw, question, scene

QUESTIONS_A_PICTURE = 3


def ask(figures: list[Figure], image: str, rng: random.Random) -> list[dict]:
    """Returns three different questions about one picture."""
    asked: dict[str, dict] = {}
    while len(asked) < QUESTIONS_A_PICTURE:
        q = question(figures, rng)
        if q.text not in asked:
            asked[q.text] = {"image": image, "question": q.text, "answers": [q.answer]}
    return list(asked.values())


def write(out: Path, pictures: int, seed: int) -> None:
    """Writes 0000.png, 0001.png, … and questions.jsonl, one question a line."""
    rng = random.Random(seed)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "questions.jsonl", "w", encoding="utf-8") as lines:
        for i in range(pictures):
            name = f"{i:04d}.png"
            figures = scene(rng)
            draw(figures, rng).save(out / name, optimize=True)
            for line in ask(figures, name, rng):
                lines.write(json.dumps(line) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20261122)
    args = parser.parse_args()
    write(args.out, args.pictures, args.seed)


if __name__ == "__main__":
    main()
