"""What `fit`, `validate`, `predict` and `render` are called with, tried on the objects that need no network library."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser

from dprdm import check
from dprdm.cli.argv import Arguments
from dprdm.cli.commands import OPTIONS
from dprdm.cli.function import make
from dprdm.cli.ineffective import refuse_ineffective
from dprdm.cli.kinds import Built
from dprdm.cli.settings import object_of
from dprdm.cli.signature import read_signature
from dprdm.data.readers.source import ImageSource
from dprdm.errors import UserError
from dprdm.resources import find_weights

if TYPE_CHECKING:
    from dprdm.workflows.options import PredictOptions

FILES = ("prompts", "codebook", "conditions")  # that `predict` reads


def require_usable(name: str, arguments: Arguments) -> None:
    """Raise UserError for values that the objects themselves refuse, and for files that are missing.

    Args:
        name: of the command.
        arguments: what it was called with.
    """
    tree = arguments.settings.tree
    checkpoint = tree.get("ckpt_path")
    if checkpoint not in {None, "last"} and not Path(checkpoint).is_file():  # `last` may not be there
        raise UserError(f"Expected a checkpoint at {checkpoint}, and there is none. `fit` leaves them in runs/.")
    for option in FILES if name == "predict" else ():
        if tree.get(option) is not None:
            check.file(**{option: Path(tree[option])})
    for weights in _weights(name, tree):
        find_weights(Path(weights))
    if name in {"fit", "validate"}:  # before a large network is built: are the images there at all?
        _make_readers(object_of(tree, "data"))
    options = _make_options(tree)
    if name in {"predict", "render"}:
        refuse_ineffective(options, arguments.named)


def _make_options(tree: dict[str, Any]) -> "PredictOptions":
    """The options of `predict`, mechanism and retriever included, but for the private images."""
    from dprdm.workflows.options import PredictOptions  # brings the accountants; most refusals need none of them

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(PredictOptions, skip={"private"})
    names = read_signature(OPTIONS).options.keys() - {"private"}
    objects = make(parser, {name: value for name, value in tree.items() if name in names})
    return PredictOptions(**{**vars(objects), "name": tree.get("name")})


def _make_readers(data: dict[str, Any]) -> None:
    """Make the readers of a data module: each refuses a folder that does not hold what it reads."""
    options = read_signature(data.get("class_path", "")).options
    for name, value in data.get("init_args", {}).items():
        if name in options and any(isinstance(kind, Built) and kind.plugin == "reader" for kind in options[name].kinds):
            parser = ArgumentParser(exit_on_error=False)
            parser.add_subclass_arguments(ImageSource, name)
            make(parser, {name: value})


def _weights(name: str, tree: dict[str, Any]) -> Iterator[str]:
    """Weights to start from, by path: those of the model, of the generator in it, and those that `predict` names."""
    model = object_of(tree, "model")
    arguments = model.get("init_args", {})
    tuned = object_of(arguments, "generator").get("init_args", {})
    takes_any = {"weights", "generator"} & read_signature(model.get("class_path", "")).options.keys()
    for holder in (arguments, tuned, tree if name in {"predict", "render"} and takes_any else {}):
        if isinstance(holder.get("weights"), str):
            yield holder["weights"]
