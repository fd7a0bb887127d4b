"""The errors a user can meet. Each is one sentence: what was expected, what came, what to do."""


class UserError(Exception):
    """A request that cannot be met; the command line prints it as one sentence and exits with code 2.

    Not a ValueError: parsers and validators swallow those to try another type, and the sentence would be lost.
    """


class BudgetExceeded(UserError):
    """A release would take a store past its (epsilon, delta) cap. Nothing was charged and nothing was read."""


class RefusedElsewhere(UserError):
    """The first of several processes refused, and said why; this one ends without another word."""


class UnknownPlugin(UserError):
    """No mechanism or retriever goes by this name."""


class PluginError(UserError):
    """A plugin broke a clause that the guarantee rests on: a bug of its author's. Nothing was released."""


class StoreError(UserError):
    """A store is missing, damaged, or was made with other settings than the ones asked for."""


class LedgerError(UserError):
    """A ledger is missing, damaged, or belongs to another store."""
