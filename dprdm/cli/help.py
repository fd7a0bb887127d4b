"""Help that fits the eye: what a command is for, our options by what they are about, and where the rest is."""

import textwrap
from dataclasses import MISSING, Field, fields
from typing import Any

from docstring_parser import parse

from dprdm.workflows.options import PredictOptions

WIDTH = 110
COLUMN = 26

PREDICT = {
    "What is asked for": ("prompt", "prompts", "releases_per_prompt", "images_per_release"),
    "Budget": ("eps", "delta", "queries", "noise_std", "account"),
    "How it is released": ("mechanism", "retriever", "denoiser", "codebook", "private_weight", "mix_with", "spread"),
    "Where the private images are": ("private_store", "private"),
    "Rendering": ("weights", "seed", "render_batch", "conditions"),
    "The run": ("name", "out", "wandb"),
}
RENDER = {"Rendering": ("images_per_release", "weights", "seed", "render_batch"), "The run": ("name", "out", "wandb")}
# What LightningCLI and the config's own classes take, in the order in which it is wanted.
TRAINING = {
    "model.weights": "exported weights to start from",
    "model.learning_rate": "of AdamW",
    "data.batch_size": "images a step and device",
    "data.num_workers": "processes that decode images",
    "trainer.max_steps": "where training ends; --trainer.max_epochs counts epochs",
    "trainer.accumulate_grad_batches": "batches whose gradients make one step",
    "seed_everything": "of all public draws: order, crops, noise",
    "ckpt_path": "a checkpoint to start from; without it, an interrupted run of the same command is gone on with",
    "wandb": "track the training with Weights & Biases; offline unless a key is set",
}
DEVICES = {
    "trainer.devices": "how many; with several, add --trainer.strategy ddp (docs/devices.md)",
    "trainer.accelerator": "cpu or gpu; by default what is there",
    "trainer.precision": "bf16-mixed for GPUs that have it; a release is computed in float64 whatever it is",
}
COMMANDS: dict[str, tuple[str, str, dict[str, tuple[str, ...]], dict[str, str]]] = {
    "predict": (
        "[--config FILE] [options]",
        "Release once, paid from the store's budget, then render. The same request again is free. Without a config, the demo.",
        PREDICT,
        {},
    ),
    "render": (
        "CONDITIONS_FILE [options]",
        "Render images from what was released. Needs neither the private images nor any budget.",
        RENDER,
        {},
    ),
    "fit": ("--config FILE [options]", "Train an encoder or a generator on public images.", {}, TRAINING),
    "validate": (
        "--config FILE [options]",
        "Score a trained encoder or generator on public images that were set aside.",
        {},
        {
            "model.weights": "exported weights to score",
            "ckpt_path": "a checkpoint to score instead",
            "data.batch_size": "images a step and device",
        },
    ),
}


def trainer_help(command: str) -> str:
    """The page for one command that needs a Trainer."""
    usage, purpose, groups, own = COMMANDS[command]
    lines = [f"usage: python main.py {command} {usage}", "", *textwrap.wrap(purpose, WIDTH)]
    lines += _entry("--config FILE", "a YAML file, by path, or by name from configs/", first=True)
    described = {parameter.arg_name: parameter.description or "" for parameter in parse(_docstring()).params}
    by_name: dict[str, Field[Any]] = {option.name: option for option in fields(PredictOptions)}
    for title, names in groups.items():
        lines += ["", f"{title}:"]
        for name in names:
            lines += _entry(f"--{name}", _flat(described[name]) + _default(by_name[name]))
    for title, options in (("Most wanted", own), ("Devices", DEVICES)):
        lines += ["", f"{title}:"] if options else []
        for name, text in options.items():
            lines += _entry(f"--{name}", text)
    lines += ["", "More:"]
    lines += _entry("--print_config", "the whole config that would run; save it, and it runs again as it is")
    lines += _entry("--help_all", "every option of Trainer, model and data")
    return "\n".join(lines) + "\n"


def _docstring() -> str:
    return PredictOptions.__doc__ or ""


def _flat(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _default(option: Field[Any]) -> str:
    return "" if option.default in (MISSING, None, False) else f" [{option.default}]"


def _entry(option: str, text: str, first: bool = False) -> list[str]:
    indent = " " * (COLUMN + 2)
    wrapped = textwrap.wrap(text, WIDTH - len(indent))
    head = f"  {option:<{COLUMN - 2}}  "
    if len(option) > COLUMN - 2:
        entry = [f"  {option}", *(indent + line for line in wrapped)]
    else:
        entry = [head + wrapped[0], *(indent + line for line in wrapped[1:])]
    return ["", *entry] if first else entry
