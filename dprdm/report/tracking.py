"""Weights & Biases: what goes out is configuration, losses, images and public numbers; never a row, a key or a count."""

import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger


def wandb_logger(name: str, config: dict[str, Any], folder: Path = Path("runs")) -> WandbLogger:
    """A logger that is offline unless WANDB_API_KEY is set or `wandb login` was done; `wandb sync` sends it later."""
    folder.mkdir(parents=True, exist_ok=True)
    is_offline = "WANDB_API_KEY" not in os.environ and os.environ.get("WANDB_MODE") != "online"
    return WandbLogger(project="dprdm", name=name, save_dir=folder, offline=is_offline, config=config)


def track_run(
    folder: Path, config: dict[str, Any], epsilon: float | None, cap: float | None, spent: float | None
) -> None:
    """Log one run of `predict`: its config, its grid picture, its certificate, and the budget as it stands.

    Args:
        folder: the run's; its name is the run's name.
        epsilon: of the run; None where it has none.
        cap: the store's epsilon; None where no private store was read.
        spent: of it.
    """
    logger = wandb_logger(folder.name, config, folder)
    logger.log_image("grid", [str(folder / "grid.png")])
    gauge = {"budget/run": epsilon, "budget/cap": cap, "budget/spent": spent}
    logger.log_metrics({name: value for name, value in gauge.items() if value is not None})
    logger.experiment.save(str(folder / "certificate.json"), base_path=str(folder), policy="now")
    logger.experiment.finish()
