"""Options of privacy that would have no effect: refused, because whoever gives one believes in it."""

from collections.abc import Set

from dprdm.errors import UserError
from dprdm.workflows.options import PredictOptions

PAYING = frozenset({"eps", "delta", "queries", "noise_std", "account"})
ASKING = frozenset({"mechanism", "retriever", "codebook"})


def refuse_ineffective(options: PredictOptions, names: Set[str]) -> None:
    """Raise UserError if the command line of `predict` names an option of privacy that would have no effect.

    A config may hold such options: one config serves several commands. Nothing was read or charged yet.

    Guarantee:
        - Nobody takes an option for a promise that is not kept
          (tests/cli/test_ineffective.py::test_an_option_of_privacy_without_effect_is_refused).
    """
    named = {name for name in names if vars(options).get(name) is not None}
    if options.conditions is not None:
        _refuse(
            named, PAYING | ASKING, "with --conditions, whose vectors were released before: their certificate counts"
        )
    elif options.codebook is not None:
        _refuse(named, PAYING, "with --codebook, which was paid for before: its certificate counts")
    if not options.retriever.reads_private:
        _refuse(named, {"account"}, f"with --retriever {options.retriever.name}, which reads no private record")
    if not options.mechanism.is_private:
        _refuse(named, {"noise_std"}, f"with --mechanism {options.mechanism.name}, which adds no noise")


def _refuse(named: Set[str], ineffective: Set[str], where: str) -> None:
    if misplaced := sorted(named & ineffective):
        raise UserError(f"Expected no --{misplaced[0]} {where}; it would have no effect. Leave it out.")
