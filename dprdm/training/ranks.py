"""Which of several processes this is, as the variables of those who started it say. Imports no network library."""

import os


def is_first_process() -> bool:
    """Return whether this is the process that decides, before a Trainer can say so."""
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # torchrun; a process that Lightning started; srun
    return int(next((os.environ[name] for name in names if name in os.environ), "0")) == 0
