"""Says how many held-out questions a checkpoint answers right, kind by kind.

python evaluate.py [CHECKPOINT] [--heldout FOLDER] [--threads N] [--wrong]

The checkpoint's own processor, float32, no pruning, greedy decoding. An answer is right
if it is the expected one in whole: both digits of a number, in order, and nothing else.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoProcessor, LlavaForConditionalGeneration, ProcessorMixin

from llava import load

HERE = Path(__file__).resolve().parent
KINDS = {"what number": "numbers", "what shape": "shapes", "how many": "counts"}
LONGEST = 8  # tokens; the longest right answer is two digits and the end


def kind(question: str) -> str:
    return KINDS[" ".join(question.split()[:2])]


@torch.inference_mode()
def ask(
    model: LlavaForConditionalGeneration,
    processor: ProcessorMixin,
    image: Path,
    question: str,
) -> str:
    """Returns the answer to one question, as its tokens' words."""
    content = [{"type": "image"}, {"type": "text", "text": question}]
    turns = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(turns, add_generation_prompt=True)
    with Image.open(image) as picture:
        inputs = processor(images=picture, text=prompt, return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=LONGEST, do_sample=False)
    answer = tokens[0, inputs["input_ids"].shape[1] :]
    return processor.tokenizer.decode(answer, skip_special_tokens=True).strip()


def evaluate(checkpoint: str, heldout: Path, show_wrong: bool) -> None:
    """Prints a table: questions asked and share answered right, per kind."""
    model, processor = (
        load(checkpoint).eval(),
        AutoProcessor.from_pretrained(checkpoint),
    )
    asked, right = Counter(), Counter()
    for line in (heldout / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        q = json.loads(line)
        answer = ask(model, processor, heldout / q["image"], q["question"])
        for row in (kind(q["question"]), "all"):
            asked[row] += 1
            right[row] += answer in q["answers"]
        if show_wrong and answer not in q["answers"]:
            print(q["image"], q["question"], f"{answer!r}, not {q['answers'][0]!r}")
    print("| questions | asked | right | accuracy |")
    print("| --- | --- | --- | --- |")
    for row in (*KINDS.values(), "all"):
        share = right[row] / asked[row] if asked[row] else float("nan")
        print(f"| {row} | {asked[row]} | {right[row]} | {share:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", nargs="?", default=str(HERE / "model"))
    parser.add_argument("--heldout", type=Path, default=HERE / "heldout")
    parser.add_argument("--threads", type=int, help="of the CPU (torch's own choice)")
    parser.add_argument("--wrong", action="store_true", help="print wrong answers")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    evaluate(args.checkpoint, args.heldout, args.wrong)


if __name__ == "__main__":
    main()
