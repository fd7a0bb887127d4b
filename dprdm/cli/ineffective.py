"""Options that would have no effect: refused, because whoever gives one on the command line believes in it.

A config may hold such options: one config serves several commands. Nothing was read or charged yet.
"""

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

from dprdm.cli.commands import OPTIONS
from dprdm.cli.kinds import lineage
from dprdm.cli.settings import object_of
from dprdm.cli.signature import read_signature
from dprdm.cli.source import find_path
from dprdm.errors import UserError

if TYPE_CHECKING:
    from dprdm.workflows.options import PredictOptions

PAYING = frozenset({"eps", "delta", "queries", "noise_std", "account"})
RELEASING = frozenset({"mechanism", "retriever", "codebook"})
# Of the options of `predict`, what a `fit` of a public model and `validate` take ...
PUBLIC_OPTIONS = {"fit": frozenset({"wandb"}), "validate": frozenset[str]()}
# ... and besides, a `fit` of a model that is there to read private images, under a budget.
PRIVATE_OPTIONS = frozenset({"eps", "delta", "noise_std", "private_store", "private", "account"})
PRIVATE_TRAINING = "dprdm.rivals.fine_tuning.PrivateFineTuning"


def refuse_misplaced(command: str, named: Set[str], settings: Mapping[str, Any]) -> None:
    """Raise UserError for an option that another command, or another file, makes useless.

    Args:
        command: fit, validate, predict or render.
        named: options on the command line.
        settings: of configs and command line together.
    """
    if command in PUBLIC_OPTIONS:
        taken = PUBLIC_OPTIONS[command]
        if command == "fit" and _reads_private_images(object_of(settings, "model").get("class_path", "")):
            taken |= PRIVATE_OPTIONS
        if misplaced := sorted(named & read_signature(OPTIONS).options.keys() - taken):
            raise UserError(
                f"`{command}` reads public data only, so --{misplaced[0]} would have no effect; it is an option of "
                "`predict`."
            )
    elif "ckpt_path" in named:
        raise UserError("`predict` takes exported weights, not a checkpoint. Name them with --weights.")
    elif settings.get("conditions") is not None:
        reason = "with --conditions, whose vectors were released before: their certificate counts"
        _refuse(named, PAYING | RELEASING, settings, reason)
    elif settings.get("codebook") is not None:
        _refuse(named, PAYING, settings, "with --codebook, which was paid for before: its certificate counts")


def refuse_ineffective(options: "PredictOptions", named: Set[str]) -> None:
    """Raise UserError if the command line of `predict` names an option that retriever or mechanism makes useless.

    Guarantee:
        - Nobody takes an option for a promise that is not kept
          (tests/cli/test_ineffective.py::test_an_option_of_privacy_without_effect_is_refused).
    """
    if not options.retriever.reads_private:
        reason = f"with --retriever {options.retriever.name}, which reads no private record"
        _refuse(named, {"account"}, vars(options), reason)
    if not options.mechanism.is_private:
        reason = f"with --mechanism {options.mechanism.name}, which adds no noise"
        _refuse(named, {"noise_std"}, vars(options), reason)


def _reads_private_images(model: str) -> bool:
    """Whether a model is there to be trained on private images."""
    definition = find_path(model)
    return definition is not None and PRIVATE_TRAINING in {base.path for base in lineage(definition)[0]}


def _refuse(named: Set[str], ineffective: Set[str], settings: Mapping[str, Any], reason: str) -> None:
    if misplaced := sorted(name for name in named & ineffective if settings.get(name) is not None):
        raise UserError(f"Expected no --{misplaced[0]} {reason}; it would have no effect. Leave it out.")
