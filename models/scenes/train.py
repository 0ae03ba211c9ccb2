"""Trains the scenes checkpoint, from scratch or from a checkpoint.

python train.py OUT [--from CHECKPOINT] [--steps N --peak P --batch B --questions Q ...]

Three lessons, as LLaVA itself is made: the vision tower learns to see, the projector
learns the decoder's words, then projector and decoder learn to answer; with --from,
only the last. OUT receives the checkpoint in float32, and state.pt, from which the same
command takes up an interrupted run.
"""

import argparse
import random
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

import export
from batches import BACKGROUND, IGNORED, Batch, Dialogue, Gaze, dialogues, labelled
from draw import COLOURS, FEWEST, MOST, SHAPES
from lesson import Lesson, Run
from llava import ID, WIDTH, build, features, load

LESSONS = ["see", "align", "answer"]
LOOK = {1: 0.2, 3: 0.4, 5: 0.4}  # layers taught where to look, and their share
LOOK_WEIGHT = 0.3  # of looking, beside answering
GROW_EVERY = 150  # steps until scenes may hold one figure more


def entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def listed(losses: list[torch.Tensor]) -> str:
    return " ".join(f"{loss.item():.3f}" for loss in losses)


def see(
    run: Run, model: LlavaForConditionalGeneration, args: argparse.Namespace
) -> None:
    """The vision tower learns to name colour, shape and digits under each patch."""
    tower = model.model.vision_tower
    names = (BACKGROUND + 1, len(SHAPES), 10, 10)
    heads = nn.ModuleList([nn.Linear(WIDTH, n) for n in names])
    modules = nn.ModuleDict({"model": model, "heads": heads})
    lesson = Lesson(
        run,
        "see",
        modules,
        random.Random(args.seed + 4),
        taught=[*tower.parameters(), *heads.parameters()],
        peak=1e-3,
        steps=args.see_steps,
        warm=100,
    )
    while lesson.step < args.see_steps:
        seen, labels = labelled(lesson.rng, args.batch, 1, MOST)
        known = features(model, seen)
        losses = [entropy(h(known), labels[..., i]) for i, h in enumerate(heads)]
        lesson.learn(sum(losses))
        if lesson.is_due(args.see_steps):
            run.log("see", lesson.step, listed(losses))
            lesson.save()


def unit(x: torch.Tensor) -> torch.Tensor:
    """Scales each vector to a root mean square of 1, as the decoder's norms do."""
    return x / x.pow(2).mean(-1, keepdim=True).sqrt()


def prepare(model: LlavaForConditionalGeneration) -> None:
    """Spreads the words wide enough to be told apart; restarts the projector."""
    model.model.language_model.embed_tokens.weight.data.mul_(4)
    for p in model.model.multi_modal_projector.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)


def align(
    run: Run, model: LlavaForConditionalGeneration, args: argparse.Namespace
) -> None:
    """The projector puts a patch near its colour's and shape's words.

    Two heads, dropped afterwards, make it keep the digits as well.
    """
    prepare(model)
    projector = model.model.multi_modal_projector
    words = model.model.language_model.embed_tokens.weight.detach()
    digits = nn.ModuleList([nn.Linear(WIDTH, 10) for _ in range(2)])
    lesson = Lesson(
        run,
        "align",
        nn.ModuleDict({"model": model, "digits": digits}),
        random.Random(args.seed + 2),
        taught=[*projector.parameters(), *digits.parameters()],
        peak=2e-3,
        steps=args.align_steps,
        warm=50,
        decay=0.0,
    )
    named = [unit(words)[[ID[w] for w in kind]].T / 8 for kind in (COLOURS, SHAPES)]
    while lesson.step < args.align_steps:
        seen, labels = labelled(lesson.rng, args.batch, 2, MOST)
        labels[..., 0][labels[..., 0] == BACKGROUND] = IGNORED
        with torch.no_grad():
            known = features(model, seen)
        put = projector(known)
        said = [unit(put) @ n for n in named] + [d(unit(put)) for d in digits]
        losses = [entropy(logits, labels[..., i]) for i, logits in enumerate(said)]
        size = (put.pow(2).mean(-1).sqrt() - words.std()).pow(2).mean()
        lesson.learn(sum(losses) + size)
        if lesson.is_due(args.align_steps):
            run.log("align", lesson.step, listed(losses))
            lesson.save()


def looking(attentions: tuple[torch.Tensor, ...], gazes: list[Gaze]) -> torch.Tensor:
    """Returns -log of the attention that answers pay to the figures in question.

    Averaged over heads, at layers whose scores later rank image tokens.
    """
    if not gazes:
        return torch.zeros(())
    where = torch.zeros(len(gazes), attentions[0].shape[-1])
    for i, gaze in enumerate(gazes):
        where[i, torch.tensor(gaze.patches) + Dialogue.IMAGE_STARTS] = 1
    rows = torch.tensor([gaze.row for gaze in gazes])
    positions = torch.tensor([gaze.position for gaze in gazes])
    loss = torch.zeros(())
    for layer, share in LOOK.items():
        paid = attentions[layer][rows, :, positions].mean(1)
        loss = loss - share * ((paid * where).sum(-1) + 1e-4).log().mean()
    return loss


@torch.no_grad()
def accuracy(model: LlavaForConditionalGeneration, held: Batch) -> float:
    """Returns the share of sequences whose every labelled token ranks first."""
    inputs = {k: v for k, v in held.inputs.items() if k != "labels"}
    said = model(**inputs).logits[:, :-1].argmax(-1)
    target = held.inputs["labels"][:, 1:]
    return ((said == target) | (target == IGNORED)).all(1).float().mean().item()


def next_batch(rng: random.Random, step: int, args: argparse.Namespace) -> Batch:
    """Draws full scenes when going on from a checkpoint, else ever fuller ones."""
    if args.start:
        return dialogues(rng, args.batch, args.questions, FEWEST, MOST)
    most = min(MOST, 1 + step // GROW_EVERY)
    questions = min(args.questions, 2) if most < 3 else args.questions
    return dialogues(rng, args.batch, questions, 1 if most < 4 else 2, most)


def answer(
    run: Run, model: LlavaForConditionalGeneration, args: argparse.Namespace
) -> None:
    """Projector and decoder learn what to say and, for it, where to look."""
    model.set_attn_implementation("eager")  # attention weights are part of the lesson
    lesson = Lesson(
        run,
        "answer",
        nn.ModuleDict({"model": model}),
        random.Random(args.seed),
        peak=args.peak,
        steps=args.steps,
        warm=100,
        betas=(0.9, 0.98),
    )
    held = dialogues(random.Random(999), args.held, 1, FEWEST, MOST)
    last = min(args.steps, args.until or args.steps)
    while lesson.step < last:
        batch = next_batch(lesson.rng, lesson.step, args)
        result = model(**batch.inputs, output_attentions=True)
        aside = looking(result.attentions, batch.gazes)
        lesson.learn(result.loss + LOOK_WEIGHT * aside)
        if lesson.is_due(last):
            right = f"accuracy {accuracy(model, held):.3f}"
            run.log("answer", lesson.step, listed([result.loss, aside]), right)
            export.save(model, run.folder)
            lesson.save()


def train(run: Run, args: argparse.Namespace) -> None:
    """Gives the lessons in their order, or what is left of them."""
    # Seeds lie apart so that no lesson repeats another's scenes; --seed 1 gives the
    # checkpoint's own: weights 0, see 5, align 3, answer 1.
    torch.manual_seed(args.seed - 1)
    model = load(args.start) if args.start else build()
    tower = model.model.vision_tower
    for name, teach in (("see", see), ("align", align), ("answer", answer)):
        wanted = name == "answer" or not args.start
        if wanted and not run.is_past(name, LESSONS):
            tower.requires_grad_(name == "see")
            teach(run, model, args)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("out", type=Path)
    add("--from", dest="start", metavar="CHECKPOINT", help="go on from this folder")
    add("--steps", type=int, default=3000, help="of answering (3000)")
    add("--until", type=int, help="stop after this many of them, to go on later")
    add("--peak", type=float, default=1e-3, help="learning rate of answering (1e-3)")
    add("--batch", type=int, default=32, help="scenes a step (32)")
    add("--questions", type=int, default=3, help="questions a scene (3)")
    add("--seed", type=int, default=1, help="of weights and scenes (1)")
    add("--see-steps", type=int, default=5000, help="5000")
    add("--align-steps", type=int, default=600, help="600")
    add("--held", type=int, default=256, help="scenes for the accuracy logged (256)")
    add("--threads", type=int, help="of the CPU (torch's own choice)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    free = ("out", "until", "threads", "held")  # may change when a run is resumed
    settings = {k: v for k, v in vars(args).items() if k not in free}
    train(Run(args.out, settings), args)


if __name__ == "__main__":
    main()
