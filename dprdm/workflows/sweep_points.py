"""One point of a sweep: a run of `predict` with settings of its own, in a folder of its own, on a budget of its own."""

import dataclasses
import difflib
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args, get_type_hints

from dprdm import registry
from dprdm.errors import UserError
from dprdm.workflows.options import PredictOptions

# Options of `predict` by name, those of its plugins with a dot: {"mechanism": "gaussian", "mechanism.k": 20, "eps": 10}.
PointSettings: TypeAlias = Mapping[str, int | float | str]
# Releases and renders with these options, in the folder that they name.
Predict: TypeAlias = Callable[[PredictOptions], object]
PLUGINS = ("mechanism", "retriever", "denoiser")
LOG = "log.txt"


@dataclass(frozen=True)
class SweepRunner:
    """What all points of a sweep have in common.

    Args:
        predict: releases and renders.
        options: of `predict`; a point changes some of them.
        prompts: of every point.
        images_per_prompt: drawn at every point.
        store: folder of the private store; a stand-in's is copied for each point.
        is_stand_in: whether the store holds public images, so that each point may have a budget of its own.
        folder: holds a folder a point.
    """

    predict: Predict
    options: PredictOptions
    prompts: tuple[str, ...]
    images_per_prompt: int
    store: Path
    is_stand_in: bool
    folder: Path

    def name(self, settings: PointSettings) -> str:
        """Return a folder name for a point: its settings, and a digest of all that was asked for."""
        options = {name: str(value) for name, value in vars(self.options).items() if name != "private"}
        request = json.dumps([dict(settings), self.prompts, self.images_per_prompt, options], sort_keys=True)
        words = "-".join(f"{key.rpartition('.')[2]}{value}" for key, value in sorted(settings.items()))
        return f"{words[:60]}-{hashlib.sha256(request.encode()).hexdigest()[:6]}"

    def run(self, settings: PointSettings) -> Path:
        """Release and render a point, or what is missing of it; return its folder.

        Raises:
            UserError: naming the point, with what `predict` refused it for.
            KeyboardInterrupt: if it was interrupted; the same sweep goes on from there.
        """
        name = self.name(settings)
        options = dataclasses.replace(self.point_options(settings), private_store=self._store(name))
        with _naming(settings), _logged(self.folder / name / LOG):
            self.predict(options)
        return self.folder / name

    def point_options(self, settings: PointSettings) -> PredictOptions:
        """Return the options of `predict` for a point.

        Raises:
            UserError: if `predict` has no such option, or a value cannot be one.
        """
        with _naming(settings):
            releases = releases_per_prompt(self.images_per_prompt, settings.get("queries"), len(self.prompts))
            return change_options(
                self.options,
                settings,
                prompt=list(self.prompts),
                prompts=None,
                releases_per_prompt=releases,
                images_per_release=self.images_per_prompt // releases,
                name=self.name(settings),
                out=self.folder,
            )

    def _store(self, name: str) -> Path:
        """Return the private store itself, or the point's copy of the stand-in's."""
        if not self.is_stand_in:
            return self.store
        copy = self.folder / "stores" / name
        if not copy.exists():
            unfinished = copy.with_name(f".{name}")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(self.store, unfinished)
            unfinished.rename(copy)
        return copy


def change_options(options: PredictOptions, settings: PointSettings, **more: Any) -> PredictOptions:
    """Return options of `predict` with some of them, or fields of their plugins, changed by name.

    Args:
        options: to start from. Of a plugin that is named again, the fields stay.
        settings: by name, those of plugins with a dot.
        more: options as objects.
    Raises:
        UserError: if there is no such option or field, or a value cannot be one.
    """
    plain = {name: value for name, value in settings.items() if name.partition(".")[0] not in PLUGINS}
    hints = get_type_hints(PredictOptions)
    for name in plain:
        if name not in hints:
            nearest = difflib.get_close_matches(name, hints, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise UserError(
                f"Expected an option of `predict`, or a field of its plugins such as mechanism.k; got {name!r}.{hint}"
            )
    values: dict[str, Any] = {}
    for name, value in plain.items():
        values[name] = Path(str(value)) if Path in get_args(hints[name]) else value
    plugins = {kind: plugin for kind in PLUGINS if (plugin := _plugin(kind, vars(options)[kind], settings))}
    try:
        return dataclasses.replace(options, **values, **plugins, **more)
    except (TypeError, ValueError) as error:
        raise UserError(f"Expected options of `predict` of the right type; got {dict(settings)} ({error}).") from error


def releases_per_prompt(images: int, queries: str | int | float | None, num_prompts: int) -> int:
    """Return the most releases a prompt that divide its images evenly and that the planned number of queries allows.

    Raises:
        UserError: if not even one release a prompt is planned for.
    """
    most = images if queries is None else int(queries) // num_prompts
    if most < 1:
        raise UserError(f"Expected at least {num_prompts} queries, one for each prompt, got queries={queries}.")
    return max(count for count in range(1, min(images, most) + 1) if images % count == 0)


def _plugin(kind: str, current: Any, settings: PointSettings) -> Any:
    """Return the plugin that a point wants in place of the current one; None if it wants no other."""
    fields = {name.removeprefix(f"{kind}."): value for name, value in settings.items() if name.startswith(f"{kind}.")}
    name = settings.get(kind)
    if name is None and not fields:
        return None
    if name is not None and registry.find(kind, str(name)) is not type(current):
        return registry.create(kind, str(name), **fields)
    return registry.create(kind, current.name, **{**vars(current), **fields})


@contextmanager
def _naming(settings: PointSettings) -> Iterator[None]:
    """Name the point in what it is refused for."""
    try:
        yield
    except UserError as error:
        kind = "" if type(error) is UserError else f"{type(error).__name__}: "
        raise UserError(f"The point {dict(settings)} was refused. {kind}{error}") from error


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """Write what the library logs into a file, too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    library, handler = logging.getLogger("dprdm"), logging.FileHandler(file, "w", "utf-8")
    library.addHandler(handler)
    try:
        yield
    finally:
        library.removeHandler(handler)
        handler.close()
