"""One lesson of a training run: optimiser, learning rate, and how it is resumed."""

import math
import os
import random
import time
from pathlib import Path

import torch
from torch import nn

SAVE_EVERY = 200  # steps


class Run:
    """A training run's folder: its log, and the state that it goes on from."""

    def __init__(self, folder: Path, settings: dict) -> None:
        """Reads the state of an earlier run in this folder, if there is one."""
        self.folder, self.settings, self.started = folder, settings, time.time()
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "state.pt"
        self.saved = torch.load(self.path) if self.path.exists() else None
        if self.saved and self.saved["settings"] != settings:
            was, now = self.saved["settings"], settings
            changed = ", ".join(f"{k}: {was[k]}" for k in now if was[k] != now[k])
            raise SystemExit(
                f"{self.path} began with other settings ({changed}): "
                "give the same ones, or another folder"
            )

    def log(self, *words: object) -> None:
        print(f"{time.time() - self.started:6.0f}s", *words, flush=True)

    def is_past(self, lesson: str, lessons: list[str]) -> bool:
        """Says whether the saved state belongs to a later lesson than this."""
        if not self.saved:
            return False
        return lessons.index(self.saved["lesson"]) > lessons.index(lesson)

    def save(self, state: dict) -> None:
        """Replaces the saved state in one move: a crash leaves the old or the new."""
        new = self.path.with_suffix(".new")
        torch.save({"settings": self.settings, **state}, new)
        os.replace(new, self.path)


class Lesson:
    """Some hundred steps of AdamW: a warm-up, then a cosine down to a twentieth."""

    def __init__(
        self,
        run: Run,
        name: str,
        modules: nn.Module,
        rng: random.Random,
        *,
        peak: float,
        steps: int,
        warm: int,
        decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        taught: list[nn.Parameter] | None = None,
    ) -> None:
        """Takes up the run's saved state if it is this lesson's.

        `modules` is saved whole; `taught` (all that needs a gradient) is what learns.
        """
        self.run, self.name, self.modules, self.rng = run, name, modules, rng
        self.peak, self.steps, self.warm = peak, steps, warm
        learning = modules.parameters() if taught is None else taught
        self.taught = [p for p in learning if p.requires_grad]
        self.adam = torch.optim.AdamW(
            self.taught, lr=peak, weight_decay=decay, betas=betas
        )
        self.step = 0
        if run.saved and run.saved["lesson"] == name:
            self.restore(run.saved)

    def restore(self, saved: dict) -> None:
        self.step = saved["step"]
        self.modules.load_state_dict(saved["modules"])
        self.adam.load_state_dict(saved["adam"])
        self.rng.setstate(saved["rng"])
        self.run.log(self.name, "goes on from step", self.step)

    def save(self) -> None:
        self.run.save(
            {
                "lesson": self.name,
                "step": self.step,
                "modules": self.modules.state_dict(),
                "adam": self.adam.state_dict(),
                "rng": self.rng.getstate(),
            }
        )

    def rate(self) -> float:
        """Returns the learning rate of the step to come."""
        warm = min(1, (self.step + 1) / self.warm)
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        return self.peak * warm * (0.95 * cosine + 0.05)

    def learn(self, loss: torch.Tensor) -> None:
        """Takes one step down the loss."""
        for group in self.adam.param_groups:
            group["lr"] = self.rate()
        loss.backward()
        nn.utils.clip_grad_norm_(self.taught, 1.0)
        self.adam.step()
        self.adam.zero_grad()
        self.step += 1

    def is_due(self, last: int) -> bool:
        """Says whether to save now: every so often, and after the last step."""
        return self.step % SAVE_EVERY == 0 or self.step == last
