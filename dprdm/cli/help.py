"""Help that fits the eye: what a command is for, its options by what they are about, and where the rest is.

Made from signatures and docstrings, read as source text; only how options are grouped is written here.
"""

import textwrap

from docstring_parser import parse

from dprdm import registry
from dprdm.cli.commands import COMMANDS, OPTIONS, program
from dprdm.cli.kinds import Built, Choice, PluginName
from dprdm.cli.signature import UNKNOWN, Option, read_signature

WIDTH = 110
COLUMN = 26
Groups = dict[str, tuple[str, ...]]

# What is in no group comes last.
GROUPS: dict[str, Groups] = {
    "predict": {
        "What to draw": ("prompt", "prompts", "releases_per_prompt", "images_per_release"),
        "Budget": ("eps", "delta", "queries", "noise_std", "account"),
        "How it is released": (
            "mechanism",
            "retriever",
            "denoiser",
            "codebook",
            "private_weight",
            "mix_with",
            "spread",
        ),
        "Where the private images are": ("private_store", "private"),
        "Rendering": ("weights", "seed", "render_batch", "conditions"),
        "The run": ("name", "out", "wandb"),
    },
    "render": {
        "Rendering": ("images_per_release", "weights", "seed", "render_batch"),
        "The run": ("name", "out", "wandb"),
    },
    "index": {
        "Images": ("images", "captions", "source"),
        "Encoder": ("encoder", "device"),
        "The store": ("out", "kind", "shard_rows"),
        "Persons": ("group_column", "max_per_group"),
        "Instead of all this": ("check",),
    },
    "plan": {
        "One of these is solved for": ("queries", "eps", "k", "sampling_rate", "noise_std"),
        "The collection": ("records", "delta", "max_per_person", "dim"),
        "How it is released": ("mechanism", "choose"),
        "Output": ("json", "plot"),
    },
    "audit": {
        "The claim": ("eps", "delta", "mechanism", "retriever", "k", "sampling_rate"),
        "The attack": ("trials", "confidence", "mutants"),
        "Output": ("json",),
    },
    "test": {
        "Real images": ("real", "real_folder", "real_is_private", "max_real"),
        "Numbers": ("metrics", "features", "encoder", "judge", "resamples", "folders_are"),
        "Output": ("out", "wandb", "wandb_private"),
    },
    "sweep": {
        "Points": ("curves", "horizons", "predict", "prompts", "images_per_prompt"),
        "Private images": ("stand_in", "private_store", "encoder"),
        "Output": ("measure", "title", "out"),
    },
    "attack": {
        "Images": ("data", "source", "store", "is_private", "model", "weights"),
        "What is attacked": ("mechanisms", "eps", "delta", "k", "sampling_rate", "queries"),
        "How": ("only", "trials", "candidates", "image_trials", "image_candidates", "striking", "columns", "seed"),
        "Output": ("out",),
    },
    "fidelity": {
        "Images": ("data", "source", "store", "is_private"),
        "What is measured": ("mechanisms", "denoisers", "eps", "queries", "delta", "k", "sampling_rate"),
        "How": ("neighbours", "repeats"),
        "Output": ("out",),
    },
    "report": {
        "What it shows": ("results", "title", "license", "include_nonprivate"),
        "Images": ("images_per_prompt", "most_prompts", "image_side"),
        "Output": ("out", "markdown", "figures"),
    },
}
# What Lightning's Trainer runs: its purpose, and options of LightningCLI and of the classes in a config.
PURPOSE = {
    "predict": "Release once, paid from the store's budget, then render. The same request again is free. Without a config, the "
    "demo.",
    "render": "Render images from what was released. Needs neither the private images nor any budget.",
    "fit": "Train an encoder or a generator on public images.",
    "validate": "Score a trained encoder or generator on public images that were set aside.",
}
NESTED: dict[str, dict[str, str]] = {
    "fit": {
        "model.weights": "exported weights to start from",
        "model.learning_rate": "of AdamW",
        "data.batch_size": "images a step and device",
        "data.num_workers": "processes that decode images",
        "trainer.max_steps": "where training ends; --trainer.max_epochs counts epochs",
        "trainer.accumulate_grad_batches": "batches whose gradients make one step",
        "seed_everything": "of all public draws: order, crops, noise",
        "ckpt_path": "a checkpoint to start from; without it, an interrupted run of the same command is continued",
        "wandb": "track the training with Weights & Biases; offline unless a key is set",
    },
    "validate": {
        "model.weights": "exported weights to score",
        "ckpt_path": "a checkpoint to score instead",
        "data.batch_size": "images a step and device",
    },
}
DEVICES = {
    "trainer.devices": "how many; with several, add --trainer.strategy ddp (docs/devices.md)",
    "trainer.accelerator": "cpu or gpu; by default what is there",
    "trainer.precision": "bf16-mixed for GPUs that have it; a release is computed in float64 whatever it is",
}


def overview() -> str:
    """Return the page of the program: its commands."""
    width = max(map(len, COMMANDS)) + 1
    lines = [f"usage: {program()} COMMAND [--help] [options]", ""]
    lines += [f"  {name:<{width}}{command.summary}" for name, command in COMMANDS.items()]
    return "\n".join([*lines, "", f"{program()} predict --mechanism gaussian --eps 10      runs the embedded demo"])


def page(name: str) -> str:
    """Return the page of one command."""
    command = COMMANDS[name]
    signature = read_signature(command.function or OPTIONS)
    docstring = parse(signature.docstring)
    described = {parameter.arg_name: parameter.description or "" for parameter in docstring.params}
    purpose = PURPOSE.get(name) or f"{docstring.short_description} {docstring.long_description or ''}"
    required = "".join(f" {option.upper()}" for option in command.positional) or " --config FILE" * (name in NESTED)
    lines = [f"usage: {program()} {name}{required} [options]", "", *textwrap.wrap(" ".join(purpose.split()), WIDTH), ""]
    for option in command.positional:
        lines += _entry(option.upper(), _text(signature.options[option], described))
    lines += _entry("--config FILE", "a YAML file with options, by path, or by name from configs/")
    listed = set(command.positional)
    for title, options in GROUPS.get(name, {}).items():
        listed |= set(options)
        lines += ["", f"{title}:"]
        for option in options:
            lines += _entry(f"--{option}", _text(signature.options[option], described))
    others = [option for option in signature.options if option not in listed] if command.function else []
    lines += ["", "Other options:" if name in GROUPS else "Options:"] * bool(others)
    for option in others:
        lines += _entry(f"--{option}", _text(signature.options[option], described))
    for title, nested in (("Most used", NESTED.get(name, {})), ("Devices", DEVICES if command.method else {})):
        lines += ["", f"{title}:"] if nested else []
        for option, text in nested.items():
            lines += _entry(f"--{option}", text)
    lines += [
        "",
        "More:",
        *_entry("--print_config", "the whole config that would run; save it, and it runs again as it is"),
    ]
    lines += _entry("--help_all", "every option of Trainer, model and data") if command.method else []
    return "\n".join(lines) + "\n"


def _text(option: Option, described: dict[str, str]) -> str:
    """What an option is, the names or values that it takes, and its default."""
    text = " ".join(described.get(option.name, "").split()).rstrip(".")
    names: tuple[str, ...] = ()
    for kind in option.kinds:
        if isinstance(kind, Choice):
            names = tuple(map(str, kind.values))
        elif isinstance(kind, Built | PluginName) and kind.plugin is not None:
            names = registry.names(kind.plugin)
    if any(name not in text for name in names):
        text += f" ({', '.join(names)})"
    default = option.default
    if default is UNKNOWN or default in (None, False, []):
        return text
    return f"{text} [{', '.join(map(str, default)) if isinstance(default, list) else default}]"


def _entry(option: str, text: str) -> list[str]:
    indent = " " * (COLUMN + 2)
    wrapped = textwrap.wrap(text, WIDTH - len(indent)) or [""]
    if len(option) > COLUMN - 2:
        return [f"  {option}", *(indent + line for line in wrapped)]
    return [f"  {option:<{COLUMN - 2}}  {wrapped[0]}".rstrip(), *(indent + line for line in wrapped[1:])]
