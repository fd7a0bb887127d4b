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
