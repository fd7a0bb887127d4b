"""One point of a sweep: a call of `predict` with settings of its own, in a folder of its own, on a budget of its own."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dprdm.errors import UserError

# Options of `predict` by name, nested ones with a dot: {"mechanism": "gaussian", "mechanism.k": 20, "eps": 10}.
Options: TypeAlias = Mapping[str, int | float | str]
LOG = "log.txt"
INTERRUPTED = 130


@dataclass(frozen=True)
class Asking:
    """What all points of a sweep have in common.

    Args:
        config: of `predict`, found as `--config` finds it.
        prompts: asked by every point.
        images_per_prompt: drawn by every point.
        store: the private store; a stand-in's is copied for each point.
        is_stand_in: whether the store holds public images, so that each point may have a budget of its own.
        folder: holds a folder a point.
    """

    config: str
    prompts: tuple[str, ...]
    images_per_prompt: int
    store: Path
    is_stand_in: bool
    folder: Path

    def name(self, options: Options) -> str:
        """A folder name for a point: what was asked, and a digest of all of it."""
        asked = json.dumps([dict(options), self.prompts, self.images_per_prompt, self.config], sort_keys=True)
        words = "-".join(f"{key.rpartition('.')[2]}{value}" for key, value in sorted(options.items()))
        return f"{words[:60]}-{hashlib.sha256(asked.encode()).hexdigest()[:6]}"

    def run(self, options: Options) -> Path:
        """Ask `predict` for the point, unless it is there; return its folder.

        Raises:
            UserError: with what `predict` refused it for.
            KeyboardInterrupt: if it was interrupted; asked again, the sweep goes on from there.
        """
        folder = self.folder / self.name(options)
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / LOG).open("w", encoding="utf-8") as log,
            contextlib.redirect_stdout(log),
            contextlib.redirect_stderr(log),
        ):
            code = _predict(["predict", *self.arguments(options)])
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            last = (folder / LOG).read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise UserError(f"The point {dict(options)} was refused. {' '.join(last)}")
        return folder

    def arguments(self, options: Options) -> list[str]:
        """The command line of `predict` for a point."""
        name = self.name(options)
        releases = releases_per_prompt(self.images_per_prompt, options.get("queries"), len(self.prompts))
        arguments = ["--config", self.config, "--out", str(self.folder), "--name", name]
        arguments += ["--private_store", str(self._store(name)), "--releases_per_prompt", str(releases)]
        arguments += ["--images_per_release", str(self.images_per_prompt // releases)]
        arguments += [text for prompt in self.prompts for text in ("--prompt", prompt)]
        return [*arguments, *(text for key, value in options.items() for text in (f"--{key}", str(value)))]

    def _store(self, name: str) -> Path:
        """The private store itself, or the point's own copy of the stand-in's."""
        if not self.is_stand_in:
            return self.store
        own = self.folder / "stores" / name
        if not own.exists():
            beside = own.with_name(f".{name}")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(self.store, beside)
            beside.rename(own)
        return own


def releases_per_prompt(images: int, queries: str | int | float | None, num_prompts: int) -> int:
    """The most releases a prompt that divide its images evenly and that the planned number of queries allows.

    Raises:
        UserError: if not even one release a prompt is planned for.
    """
    most = images if queries is None else int(queries) // num_prompts
    if most < 1:
        raise UserError(f"Expected at least {num_prompts} queries, one for each prompt, got queries={queries}.")
    return max(count for count in range(1, min(images, most) + 1) if images % count == 0)


def _predict(arguments: Sequence[str]) -> int:
    from dprdm.cli import main

    return main(arguments)
