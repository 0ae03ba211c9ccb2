"""Writes pictures and conversations to train on, as LLaVA has them; none of them is held out.

python lessons.py OUT [--pictures N] [--seed S]
"""

import argparse
import json
import random
from pathlib import Path

from draw import draw, scene
from heldout import ask


def write(out: Path, pictures: int, seed: int) -> None:
    """Writes 0000.png, 0001.png, … and samples.json, a conversation about each."""
    rng = random.Random(seed)
    out.mkdir(parents=True, exist_ok=True)
    samples = []
    for i in range(pictures):
        name = f"{i:04d}.png"
        figures = scene(rng)
        draw(figures, rng).save(out / name, optimize=True)
        turns = []
        for asked in ask(figures, name, rng):
            place = "" if turns else "<image>\n"
            turns.append({"from": "human", "value": place + asked["question"]})
            turns.append({"from": "gpt", "value": asked["answers"][0]})
        samples.append({"id": f"{i:04d}", "image": name, "conversations": turns})
    lines = ",\n".join(json.dumps(sample) for sample in samples)
    (out / "samples.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20261127)
    args = parser.parse_args()
    write(args.out, args.pictures, args.seed)


if __name__ == "__main__":
    main()
