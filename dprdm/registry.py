"""Plugins by short name: every concrete mechanism and retriever in plugins/, and those of installed packages."""

import dataclasses
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from dprdm.errors import UnknownPlugin, UserError

GROUPS = {"mechanism": "dprdm.mechanisms", "retriever": "dprdm.retrievers", "denoiser": "dprdm.denoisers"}


def known_plugins(kind: str) -> dict[str, type]:
    """Concrete plugins of a kind (`mechanism` or `retriever`) by short name."""
    _import_all()
    found: dict[str, type] = {}
    for plugin in _concrete_subclasses(_base(kind)):
        other = found.setdefault(plugin.name, plugin)
        if other is not plugin:
            raise UserError(f"Two {kind}s are called {plugin.name!r}: {_path(other)} and {_path(plugin)}. Rename one.")
    return found


def class_path(kind: str, name: Any) -> str:
    """The full class path of the plugin that `name` means: a short name, a class name, or a class path already.

    Raises:
        UnknownPlugin: if nothing goes by that name; the sentence lists what does, and the nearest.
    """
    if name is None:
        raise UnknownPlugin(f"Expected a {kind} by name, got null. The one without privacy is called 'nonprivate'.")
    known = known_plugins(kind)
    for short, plugin in known.items():
        if name in {short, plugin.__name__, _path(plugin)}:
            return _path(plugin)
    nearest = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise UnknownPlugin(f"no {kind} is called {name!r}. Known: {', '.join(sorted(known))}.{hint}")


def expand_names(config: Any) -> Any:
    """A config in which `mechanism: gaussian` has become `mechanism: {class_path: ...}`; the same for `retriever`."""
    if not isinstance(config, dict):
        return config
    for kind in GROUPS:
        if kind in config:
            given = config[kind] if isinstance(config[kind], dict) else {"class_path": config[kind]}
            config[kind] = {**given, "class_path": class_path(kind, given.get("class_path"))}
    return config


def expand_arguments(arguments: list[str]) -> list[str]:
    """Arguments in which `--mechanism gaussian` names the full class path; the same for `--retriever`. `--prompt` appends."""
    options = {f"--{kind}": kind for kind in GROUPS}
    expanded: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if expanded and expanded[-1] in options:
            expanded.append(class_path(options[expanded[-1]], argument))
        elif option == "--prompt":
            # jsonargparse appends with a plus: `--prompt a --prompt b` would otherwise mean b alone.
            expanded.append("--prompt+" + argument.removeprefix("--prompt"))
        elif equals and option in options:
            expanded.append(f"{option}={class_path(options[option], value)}")
        else:
            expanded.append(argument)
    return expanded


def instantiate(config: Any) -> Any:
    """The plugin that a parsed config (`class_path`, `init_args`) describes."""
    return import_class(config.class_path)(**dict(config.get("init_args") or {}))


def import_class(path: str) -> Any:
    """The class of this full name."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def plugin_named(kind: str, name: str, **fields: Any) -> Any:
    """The plugin of this short name, with those of the fields that it has. Raises UserError if it needs others."""
    path = class_path(kind, name)
    plugin: Any = next(plugin for plugin in known_plugins(kind).values() if path.endswith(f".{plugin.__qualname__}"))
    known = dataclasses.fields(plugin)
    missing = [field.name for field in known if field.default is dataclasses.MISSING and field.name not in fields]
    if missing:
        raise UserError(f"Expected a {kind} that needs no settings; {name} needs {', '.join(missing)}.")
    return plugin(**{field.name: fields[field.name] for field in known if field.name in fields})


def _base(kind: str) -> type:
    from dprdm.public.denoiser import Denoiser
    from dprdm.release.mechanism import PrivacyMechanism
    from dprdm.retrieval.retriever import Retriever

    return {"mechanism": PrivacyMechanism, "retriever": Retriever, "denoiser": Denoiser}[kind]


def _import_all() -> None:
    """Import the built-in plugins, then what installed packages declare. A second call finds them imported."""
    package = importlib.import_module("dprdm.plugins")
    for module in pkgutil.walk_packages(package.__path__, "dprdm.plugins."):
        importlib.import_module(module.name)
    for group in GROUPS.values():
        for entry in entry_points(group=group):
            entry.load()


def _concrete_subclasses(base: Any) -> Iterator[Any]:
    for subclass in base.__subclasses__():
        if not inspect.isabstract(subclass):
            yield subclass
        yield from _concrete_subclasses(subclass)


def _path(plugin: type) -> str:
    return f"{plugin.__module__}.{plugin.__qualname__}"


NETWORKS = {
    "efficientnet": "dprdm.metrics.networks.EfficientNetLite0",
    "inception": "dprdm.metrics.networks.Inception",
    "timm": "dprdm.metrics.networks.TimmFeatures",
    "clip": "dprdm.metrics.networks.OpenClipFeatures",
    "demo": "dprdm.demo.classifier.DemoClassifier",
}
OPTIONS = ("--features", "--judge")


def network_path(name: str) -> str:
    """The class path that `name` means: a short name, or a class path already.

    Raises:
        UnknownPlugin: if it is neither; the sentence lists what there is, and the nearest.
    """
    if "." in name or name.startswith("{"):
        return name
    for short, path in NETWORKS.items():
        if name in {short, path.rpartition(".")[2]}:
            return path
    nearest = difflib.get_close_matches(name, NETWORKS, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise UnknownPlugin(f"no feature network is called {name!r}. Known: {', '.join(NETWORKS)}.{hint}")


def expand_networks(arguments: list[str]) -> list[str]:
    """Arguments in which `--features inception` names the full class path; the same for `--judge`."""
    expanded: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if expanded and expanded[-1] in OPTIONS:
            expanded.append(network_path(argument))
        elif equals and option in OPTIONS:
            expanded.append(f"{option}={network_path(value)}")
        else:
            expanded.append(argument)
    return expanded
