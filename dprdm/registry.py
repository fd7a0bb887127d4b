"""Plugins by short name. Entry points declare them, the built-in ones in this project's pyproject.toml like everybody's.

A name is resolved without loading anything; a plugin is imported when it is used, and only that one.
"""

import difflib
import functools
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dprdm.errors import UnknownPlugin, UserError


@dataclass(frozen=True)
class PluginKind:
    """One sort of plugin.

    Args:
        label: what a message calls it.
        group: of its entry points.
        base: `module:Class` that a plugin derives from, or that it is an object of. Imported with the first plugin.
        is_object: whether a plugin is an object of `base`, not a class derived from it.
        declares_name: whether a plugin has a field `name`, which must then be the name of its entry point.
        other_names: `module:function` that says which plugin, with which settings, stands for a name that is no plugin's own;
            None of names that it knows nothing of.
        hint: what a message says of these names.
    """

    label: str
    group: str
    base: str
    is_object: bool = False
    declares_name: bool = False
    other_names: str = ""
    hint: str = ""


KINDS = {
    "mechanism": PluginKind(
        "mechanism", "dprdm.mechanisms", "dprdm.guarantee.mechanism:PrivacyMechanism", declares_name=True
    ),
    "retriever": PluginKind("retriever", "dprdm.retrievers", "dprdm.retrieval.retriever:Retriever", declares_name=True),
    "denoiser": PluginKind("denoiser", "dprdm.denoisers", "dprdm.public.denoiser:Denoiser", declares_name=True),
    "reader": PluginKind("reader", "dprdm.readers", "dprdm.data.readers.source:ImageSource"),
    "metric": PluginKind("metric", "dprdm.metrics", "dprdm.metrics.metric:Metric", is_object=True, declares_name=True),
    "features": PluginKind("feature network", "dprdm.features", "dprdm.metrics.features:FrozenNetwork"),
    "encoder": PluginKind(
        "encoder",
        "dprdm.encoders",
        "dprdm.encoders.encoder:Encoder",
        other_names="dprdm.encoders.naming:describe_clip",
        hint=" A CLIP of open_clip's is MODEL/TAG, such as ViT-L-14/openai; one that `fit` has trained is its file.",
    ),
    "generator": PluginKind("generator", "dprdm.generators", "dprdm.generation.generator:Generator"),
}
UNNAMED = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
# Where modules with classes that configs name have moved since 0.4: old prefix, new prefix.
MOVED = {
    "plugins.": "dprdm.plugins.",
    "dprdm.callbacks.": "dprdm.training.callbacks.",
    "dprdm.data.cifar10.": "dprdm.data.readers.cifar10.",
    "dprdm.data.coco.": "dprdm.data.readers.coco.",
    "dprdm.data.fashion.": "dprdm.demo.fashion.",
    "dprdm.data.fashion_mnist.": "dprdm.data.readers.fashion_mnist.",
    "dprdm.data.folder.": "dprdm.data.readers.folder.",
    "dprdm.data.imagenet.": "dprdm.data.readers.imagenet.",
    "dprdm.data.parquet.": "dprdm.data.readers.parquet.",
    "dprdm.data.prompts.": "dprdm.data.readers.prompts.",
    "dprdm.data.tars.": "dprdm.data.readers.tars.",
    "dprdm.metrics.demo_classifier.": "dprdm.demo.classifier.",
    "dprdm.model.": "dprdm.generation.model.",
    "dprdm.pipelines.ip_adapter.": "dprdm.generation.ip_adapter.",
    "dprdm.pipelines.unclip.": "dprdm.generation.unclip.",
    "dprdm.report.progress.": "dprdm.workflows.samples.",
}


def names(kind: str) -> tuple[str, ...]:
    """Return the short names of all plugins of a kind, sorted. Loads none of them.

    Raises:
        UserError: if this Python does not know of this project's own: it was not installed.
    """
    return tuple(sorted(_entries(kind)))


def find(kind: str, name: str) -> Any:
    """Return the plugin that `name` means: a short name, a class name, or a full path such as `acme.noise.Laplace`.

    A plugin is a class derived from the kind's base; of metrics, an object.

    Raises:
        UnknownPlugin: if nothing goes by that name. The sentence lists the known names, and the nearest.
        UserError: if two plugins go by it, if loading it fails, or if it is not of this kind.
    """
    entry = _entry(kind, name)
    if entry is not None:
        return _load(kind, entry)
    path = current_path(name)
    if "." not in path:
        raise UnknownPlugin(_unknown(kind, name))
    try:
        plugin = import_class(path)
    except (ImportError, AttributeError) as error:
        raise UnknownPlugin(f"{_unknown(kind, name)} As a full path it fails: {error}.") from error
    return _require_own_name(kind, _require_kind(kind, plugin, path), path)


def class_path(kind: str, name: Any) -> str:
    """Return the full path of the plugin that `name` means. Loads nothing where `name` is a short name or a class name.

    Raises:
        UnknownPlugin, UserError: as `find` does.
    """
    if name is None:
        hint = " The one without privacy is called 'nonprivate'." if kind == "mechanism" else ""
        raise UnknownPlugin(f"Expected a {KINDS[kind].label} by name, got null.{hint}")
    entry = _entry(kind, str(name))
    if entry is not None:
        return _path(entry)
    find(kind, str(name))
    return current_path(str(name))


def describe(kind: str, name: Any) -> dict[str, Any]:
    """Return the class path and the settings that `name` stands for, as a config has them. Loads nothing, as `class_path`.

    Raises:
        UnknownPlugin, UserError: as `find` does.
    """
    return describe_unregistered(kind, name) or {"class_path": class_path(kind, name), "init_args": {}}


def describe_unregistered(kind: str, name: Any) -> dict[str, Any] | None:
    """Return what a name stands for that is no plugin's own, such as `ViT-L-14/openai`; None if it can only be a plugin's.

    Raises:
        UserError: if it names a file, and there is none.
    """
    if not KINDS[kind].other_names or not isinstance(name, str) or name in names(kind):
        return None
    module, _, function = KINDS[kind].other_names.partition(":")
    described: dict[str, Any] | None = getattr(importlib.import_module(module), function)(name)
    return described


def create(kind: str, name: str, **fields: Any) -> Any:
    """Return a new plugin of this name with these fields.

    Raises:
        UnknownPlugin, UserError: as `find` does; UserError if the plugin has no such field, or needs others.
    """
    described = describe(kind, name)
    plugin, fields = find(kind, described["class_path"]), {**described["init_args"], **fields}
    parameters = {name: p for name, p in inspect.signature(plugin).parameters.items() if p.kind not in UNNAMED}
    for field in fields:
        if field not in parameters:
            fields_text = f"It has: {', '.join(parameters)}." if parameters else "It has none."
            raise UserError(
                f"The {KINDS[kind].label} {name} has no field {field!r}. {fields_text}{_nearest(field, parameters)}"
            )
    if missing := [field for field, p in parameters.items() if p.default is p.empty and field not in fields]:
        raise UserError(f"Expected a {KINDS[kind].label} that needs no settings; {name} needs {', '.join(missing)}.")
    return plugin(**fields)


def load_all(kind: str) -> dict[str, Any]:
    """Load every plugin of a kind; return them by short name. Raises UserError as `find` does."""
    return {name: find(kind, name) for name in names(kind)}


def broken(kind: str) -> dict[str, str]:
    """Load every plugin of a kind; return what is wrong with each that cannot be used, by short name."""
    problems: dict[str, str] = {}
    for name in names(kind):
        try:
            find(kind, name)
        except UserError as error:
            problems[name] = str(error)
    return problems


def current_path(path: str) -> str:
    """Return a class path of version 0.4 as it reads now, and any other as it is."""
    for old, new in MOVED.items():
        if path.startswith(old):
            return new + path.removeprefix(old)
    return path


def import_class(path: str) -> Any:
    """Return the class or object of this full path.

    Raises:
        ImportError, AttributeError: if there is none.
    """
    module, _, name = current_path(path).rpartition(".")
    return getattr(importlib.import_module(module), name)


def instantiate(config: Any) -> Any:
    """Return the object that a parsed config (`class_path`, `init_args`) describes."""
    return import_class(config.class_path)(**dict(config.get("init_args") or {}))


@functools.cache
def _entries(kind: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Every distinct entry point of a kind, by short name; more than one of a name where packages clash."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=KINDS[kind].group):
        by_name.setdefault(entry.name, {}).setdefault(entry.value, entry)
    if not any(entry.module.startswith("dprdm.") for entries in by_name.values() for entry in entries.values()):
        raise UserError(
            f"Expected the {KINDS[kind].label}s of dprdm, and this Python knows of none: the checkout is not installed, "
            "or was before it had them. Run `pip install -e .` in it."
        )
    return {name: tuple(entries.values()) for name, entries in by_name.items()}


def _entry(kind: str, name: str) -> EntryPoint | None:
    """The one entry point that goes by `name` as a short name, else as a class name or full path; None if none does."""
    entries = _entries(kind)
    path = current_path(name)
    declared = [entry for clashing in entries.values() for entry in clashing]
    matching = entries.get(name) or [entry for entry in declared if name == entry.attr or path == _path(entry)]
    distinct = {entry.value: entry for entry in matching}
    if len(distinct) > 1:
        both = " and ".join(_described(entry) for entry in distinct.values())
        raise UserError(f"Two {KINDS[kind].label}s are called {name!r}: {both}. Rename or uninstall one.")
    return next(iter(distinct.values()), None)


def _load(kind: str, entry: EntryPoint) -> Any:
    try:
        plugin = entry.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(
            f"The {KINDS[kind].label} {entry.name} ({_described(entry)}) cannot be loaded: {reason}"
        ) from error
    _require_kind(kind, plugin, _described(entry))
    if KINDS[kind].declares_name and plugin.name != entry.name:
        raise UserError(
            f"Expected the {KINDS[kind].label} {_described(entry)} to have one name; its entry point says {entry.name!r} and "
            f"its field `name` says {plugin.name!r}."
        )
    return plugin


def _require_own_name(kind: str, plugin: Any, path: str) -> Any:
    """Refuse a plugin that nobody has declared and that goes by the name of another: certificates know it by its name."""
    if KINDS[kind].declares_name and (clashing := _entries(kind).get(plugin.name)):
        both = f"{_described(clashing[0])} and {path}"
        raise UserError(f"Two {KINDS[kind].label}s are called {plugin.name!r}: {both}. Rename the second.")
    return plugin


def _require_kind(kind: str, plugin: Any, described: str) -> Any:
    module, _, attribute = KINDS[kind].base.partition(":")
    base: type = getattr(importlib.import_module(module), attribute)
    if KINDS[kind].is_object and not isinstance(plugin, base):
        raise UserError(f"Expected a {KINDS[kind].label}, an object of {module}.{attribute}; {described} is none.")
    if not KINDS[kind].is_object and not (inspect.isclass(plugin) and issubclass(plugin, base)):
        raise UserError(
            f"Expected a {KINDS[kind].label}, a class derived from {module}.{attribute}; {described} is none."
        )
    if inspect.isabstract(plugin):
        raise UserError(f"Expected a complete {KINDS[kind].label}; {described} lacks {_abstract(plugin)}.")
    return plugin


def _abstract(plugin: type) -> str:
    return ", ".join(sorted(plugin.__abstractmethods__))  # type: ignore[attr-defined]


def _path(entry: EntryPoint) -> str:
    return f"{entry.module}.{entry.attr}"


def _described(entry: EntryPoint) -> str:
    return f"{_path(entry)} of {entry.dist.name} {entry.dist.version}" if entry.dist is not None else _path(entry)


def _unknown(kind: str, name: str) -> str:
    every = names(kind)
    return f"no {KINDS[kind].label} is called {name!r}. Known: {', '.join(every)}.{_nearest(name, every)}{KINDS[kind].hint}"


def _nearest(name: str, candidates: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(candidates), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def plugin_named(kind: str, name: str, **settings: Any) -> Any:
    """Return a new plugin of this name with those of the settings that are fields of it."""
    parameters = inspect.signature(find(kind, name)).parameters
    return create(kind, name, **{field: value for field, value in settings.items() if field in parameters})
