"""Weights & Biases: what goes out is configuration, losses, images and public numbers; never a row, a key or a count."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from dprdm.guarantee.certificate import JSON_NAME, WORDS_NAME, Certificate
from dprdm.runs.run_folder import Run, Sample

# Options that say where private images are; such paths name people and places.
PRIVATE_OPTIONS = ("private", "private_store")
MOST_TABLE_ROWS = 200


def public_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the resolved config without what says where private images are."""
    return {name: value for name, value in config.items() if name not in PRIVATE_OPTIONS}


def wandb_logger(
    name: str, config: dict[str, Any], folder: Path = Path("runs"), watches_machine: bool = True
) -> WandbLogger:
    """Make a logger that is offline unless WANDB_API_KEY is set or WANDB_MODE is online; `wandb sync` sends it later.

    What W&B collects by itself is switched off where it could tell of private images: the command line, the terminal's
    lines, the code.

    Args:
        name: of the run.
        config: resolved.
        folder: where W&B keeps the run until it is sent.
        watches_machine: let W&B log how busy the machine is; not while private images are about.
    """
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    is_offline = "WANDB_API_KEY" not in os.environ and os.environ.get("WANDB_MODE") != "online"
    settings = wandb.Settings(
        x_disable_meta=True,
        x_disable_stats=not watches_machine,
        console="off",
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
    )
    return WandbLogger(
        project="dprdm",
        name=name,
        save_dir=folder.resolve(),  # the process that writes may have been started elsewhere
        offline=is_offline,
        config=public_config(config),
        settings=settings,
    )


def track_run(folder: Path, config: dict[str, Any], samples: Sequence[Sample], certificate: Certificate) -> None:
    """Log one run of `predict`: its config, its images, its certificate, and the budget as it stands.

    Args:
        folder: the run's; its name is the run's name.
        config: resolved.
        samples: the table of images; the first of them are logged.
        certificate: of the run.
    """
    logger = wandb_logger(folder.name, config, folder, watches_machine=False)
    logger.log_image("grid", [str(Run(folder).grid)])
    logger.log_table("samples", columns=["image", "prompt", "release", "seed"], data=_rows(folder, samples))
    cap = None if certificate.ledger is None else float(certificate.ledger["cap"]["epsilon"])
    spent = certificate.store_spent
    left = None if cap is None or spent is None else max(0.0, cap - spent)
    gauge = {"budget/run": certificate.epsilon, "budget/cap": cap, "budget/spent": spent, "budget/left": left}
    logger.log_metrics({name: value for name, value in gauge.items() if value is not None})
    log_files(logger, f"certificate-{folder.name}", "certificate", [folder / JSON_NAME, folder / WORDS_NAME])
    logger.experiment.finish()


def log_files(logger: WandbLogger, name: str, kind: str, files: Sequence[Path]) -> None:
    """Log files as one artifact, a version of `name`."""
    import wandb

    artifact = wandb.Artifact(name, kind)
    for file in files:
        artifact.add_file(str(file))
    logger.experiment.log_artifact(artifact)


def _rows(folder: Path, samples: Sequence[Sample]) -> list[list[Any]]:
    import wandb

    shown = samples[:MOST_TABLE_ROWS]
    # Seeds as text: the table's numbers are floats, and too short for them.
    return [[wandb.Image(str(folder / s.file)), s.prompt, s.release, str(s.seed)] for s in shown]
