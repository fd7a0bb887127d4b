"""The commands: what each is for, and what it takes."""

import ast
import difflib
import sys
from dataclasses import dataclass
from pathlib import Path

from dprdm.cli.kinds import ANYTHING, Built
from dprdm.cli.signature import Option, Signature, read_signature
from dprdm.cli.source import SourceModule
from dprdm.errors import UserError

OPTIONS = "dprdm.workflows.options.PredictOptions"
TRAINER = "lightning.pytorch.trainer.trainer.Trainer"
# What LightningCLI takes besides the Trainer method's own: the Trainer, the model, the data, a seed.
NOT_SET, NOWHERE = ast.Constant(None), SourceModule("", {}, True)
LIGHTNING = {
    "trainer": Option("trainer", Built(TRAINER, is_group=True), NOT_SET, NOWHERE),
    "model": Option("model", Built("lightning.pytorch.core.module.LightningModule", "generator"), None, NOWHERE),
    "data": Option("data", Built("lightning.pytorch.core.datamodule.LightningDataModule"), None, NOWHERE),
    **{name: Option(name, ANYTHING, NOT_SET, NOWHERE) for name in ("seed_everything", "optimizer", "lr_scheduler")},
}
# Parameters of the Trainer's methods that are no options.
HANDED_OVER = {"model", "train_dataloaders", "val_dataloaders", "dataloaders", "datamodule", "return_predictions"}


@dataclass(frozen=True)
class Command:
    """One word of the command line.

    Args:
        summary: what it is for.
        function: full path of the function that it calls; nothing where Lightning's Trainer runs it.
        method: the Trainer's method, where that runs it.
        positional: options that may be given by place, in this order.
    """

    summary: str
    function: str = ""
    method: str = ""
    positional: tuple[str, ...] = ()

    def signature(self) -> Signature:
        """Return what it takes."""
        return read_signature(self.function) if self.function else _with_trainer(self.method)


COMMANDS = {
    "predict": Command("private images in, private synthetic images out: release, then render", method="predict"),
    "render": Command(
        "images from a conditions file, without the private data", method="predict", positional=("conditions",)
    ),
    "fit": Command("train an encoder or a generator on public images", method="fit"),
    "validate": Command("score a trained one on public images", method="validate"),
    "index": Command("embed a collection of images into a store", "dprdm.cli.index.index"),
    "neighbors": Command(
        "find the nearest public images of every public one, before training",
        "dprdm.cli.neighbors.neighbors",
        positional=("store",),
    ),
    "plan": Command("noise for a budget, or the budget of a noise; touches no data", "dprdm.cli.plan.plan"),
    "ledger": Command(
        "what a store has spent; show, verify, cap", "dprdm.cli.ledger.ledger", positional=("action", "store")
    ),
    "verify": Command("recompute a run's certificate", "dprdm.cli.verify.verify", positional=("run",)),
    "audit": Command("attack the private path; shows what it leaks at least", "dprdm.cli.audit.audit"),
    "test": Command(
        "measure a run's images against real ones: FID, KID, recall, use, ...",
        "dprdm.cli.test.test",
        positional=("runs",),
    ),
    "sweep": Command("draw and measure many settings: what privacy costs, as curves", "dprdm.cli.sweep.sweep"),
    "attack": Command(
        "membership inference on releases and on images, and the demonstration with one striking image",
        "dprdm.cli.attack.attack",
    ),
    "fidelity": Command("what noise does to retrieval, against epsilon", "dprdm.cli.fidelity.fidelity"),
    "report": Command(
        "all of it as one page, with cards for publishing", "dprdm.cli.report.report", positional=("runs",)
    ),
    "doctor": Command("versions, devices and optional parts; what is broken", "dprdm.cli.doctor.doctor"),
    "import-checkpoint": Command(
        "a latent-diffusion or RDM checkpoint, converted",
        "dprdm.cli.import_checkpoint.import_checkpoint",
        positional=("file",),
    ),
    "export-checkpoint": Command(
        "a generator's weights as a diffusers folder",
        "dprdm.cli.import_checkpoint.export_checkpoint",
        positional=("weights",),
    ),
}


def _with_trainer(method: str) -> Signature:
    """Options of `predict`, those of the Trainer's method, and LightningCLI's."""
    predict, called = read_signature(OPTIONS), dict(read_signature(f"{TRAINER}.{method}").options)
    for name in HANDED_OVER & called.keys():
        del called[name]
    return Signature(OPTIONS, {**predict.options, **called, **LIGHTNING}, predict.checks, predict.docstring)


def find_command(name: str) -> Command:
    """Return the command of this name. Raises UserError if there is none; the sentence names the nearest."""
    if name in COMMANDS:
        return COMMANDS[name]
    nearest = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    raise UserError(f"Expected a command, one of {', '.join(COMMANDS)}; got {name!r}.{hint}")


def program() -> str:
    """Return how a user calls this program, to stand in what it prints."""
    return "dprdm" if _called_by() in {"dprdm", "dprdm.exe", "dprdm/__main__.py"} else "python main.py"


def is_called() -> bool:
    """Return whether this process is the program, not another that uses it."""
    return _called_by() in {"dprdm", "dprdm.exe", "dprdm/__main__.py", "main.py"}


def _called_by() -> str:
    path = Path(sys.argv[0])
    return "/".join(path.parts[-2:]) if path.name == "__main__.py" else path.name
