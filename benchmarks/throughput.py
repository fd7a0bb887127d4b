"""Images a second, training and sampling, beside the plain diffusers loops that do the same work in the same run.

    python benchmarks/throughput.py                                    the demo's network, about a minute
    python benchmarks/throughput.py --network paper --batch 1 --steps 4 --sampling_steps 2 --rounds 3    400M parameters
    python benchmarks/throughput.py --device cuda --precision bf16-mixed --compiled --batch 128 --steps 50

Ours and the plain loop take turns, step by step, so that whatever else the machine does slows both; a ratio is the median
over the turns. The plain loop has the same network, optimiser and precision, but none of the switches named here. On a CPU
one thread works, and the clock is that of the process: seconds in which it ran, not those in which others did.
"""

import argparse
import copy
import gc
import json
import logging
import multiprocessing
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from dprdm.diffusion.first_stage import PixelBlocks
from dprdm.diffusion.network import NetworkConfig
from dprdm.diffusion.schedule import ScheduleConfig
from dprdm.generation.model import RetrievalDiffusion

NETWORKS = {
    "demo": (
        NetworkConfig(14, 4, 64, (32, 64, 96), 1, (False, True, True), norm_groups=16, condition_scale=8.0),
        ScheduleConfig("squaredcos_cap_v2", prediction="v_prediction"),
        PixelBlocks(2),
        1,
    ),
    "paper": (NetworkConfig(attention=(False, True, True, True)), ScheduleConfig(), PixelBlocks(1), 3),
}
NEIGHBOURS, NOISE, GUIDANCE = 4, 0.05, 2.0
WARM_UP = 2  # turns that are not counted: the first allocate, and compile

Batch = dict[str, torch.Tensor]
Work = Literal["training", "sampling"]


@dataclass(frozen=True)
class Workload:
    """A network, the sizes of the work, and the switches."""

    network: str = "demo"
    batch: int = 32
    steps: int = 16
    sampling_steps: int = 10
    rounds: int = 6
    device: str = "cpu"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    channels_last: bool = False
    compiled: bool = False
    gradient_checkpointing: bool = False

    @property
    def is_switched(self) -> bool:
        """Whether ours differs from the plain loop in more than the loop."""
        return self.channels_last or self.compiled or self.gradient_checkpointing

    @property
    def network_config(self) -> NetworkConfig:
        """Sizes of the network."""
        return NETWORKS[self.network][0]

    def autocast(self) -> AbstractContextManager[Any]:
        """Enter the precision, for a loop without a Trainer."""
        is_mixed = self.precision == "bf16-mixed"
        return torch.autocast(self.device, torch.bfloat16) if is_mixed else nullcontext()

    def now(self) -> float:
        """Return the time in seconds once the device is idle; on a CPU, that of this process."""
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


class PlainLoops:
    """Training and sampling as diffusers' documentation writes them.

    Args:
        workload: network, sizes and switches.
        unet: the network.
        optimizer: its optimiser. None: an AdamW of its own.
    """

    def __init__(self, workload: Workload, unet: Any, optimizer: torch.optim.Optimizer | None = None) -> None:
        self.workload, self.unet = workload, unet.to(workload.device)
        _, self.schedule, self.first_stage, _ = NETWORKS[workload.network]
        self.config, self.process = workload.network_config, self.schedule.forward_process()
        self.optimizer = optimizer or torch.optim.AdamW(unet.parameters(), 1e-4)

    def train(self, batch: Batch) -> None:
        """Make one step."""
        with self.workload.autocast():
            latents = self.first_stage.encode(batch["image"].to(self.workload.device).float() / 127.5 - 1)
            condition = batch["neighbours"].to(self.workload.device).mean(1, keepdim=True)
            condition = condition + NOISE * torch.randn_like(condition)
            noise = torch.randn_like(latents)
            times = torch.randint(0, 1000, (len(latents),), device=latents.device)
            noisy = self.process.add_noise(latents, noise, times)
            loss = functional.mse_loss(
                self._predict(noisy, times, condition).float(), self._target(latents, noise, times)
            )
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.inference_mode()
    def sample(self, condition: torch.Tensor, seeds: list[int]) -> torch.Tensor:
        """Draw images as the pipelines do: guidance in one batch of twice the size."""
        device, solver = self.workload.device, self.schedule.solver("dpm")
        shape = self.config.latent_shape
        latents = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        latents, both = latents.to(device), torch.cat([torch.zeros_like(condition), condition])
        solver.set_timesteps(self.workload.sampling_steps, device=device)
        for time_ in solver.timesteps:
            with self.workload.autocast():
                unconditional, conditional = self._predict(torch.cat([latents] * 2), time_, both).chunk(2)
            predicted = unconditional + GUIDANCE * (conditional - unconditional)
            latents = solver.step(predicted, time_, latents).prev_sample
        images = (self.first_stage.decode(latents) / 2 + 0.5).clamp(0, 1)
        return (images * 255).round().to(torch.uint8)

    def _predict(self, latents: torch.Tensor, times: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        level = torch.full((len(latents),), 1000 * NOISE * self.config.condition_dim**0.5, device=latents.device)
        scaled = condition * self.config.condition_scale
        return self.unet(latents, times, encoder_hidden_states=scaled, class_labels=level).sample

    def _target(self, latents: torch.Tensor, noise: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        is_velocity = self.process.config.prediction_type == "v_prediction"
        return self.process.get_velocity(latents, noise, times) if is_velocity else noise


class TakeTurns(L.Callback):
    """After each step of ours, one of the plain loop; the seconds of each.

    Args:
        workload: network, sizes and switches.
        plain: makes the plain loop, once the Trainer has made the optimiser.
    """

    def __init__(self, workload: Workload, plain: Callable[[L.Trainer], PlainLoops] | None) -> None:
        self.workload, self.plain = workload, plain
        self.ours: list[float] = []
        self.theirs: list[float] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of ours before its first batch is fetched."""
        self.loops = self.plain(trainer) if self.plain is not None else None
        self.batches = batches(self.workload)
        self.start = self.workload.now()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Stop the clock of ours, run and time the plain step, start the clock again."""
        self.ours.append(self.workload.now() - self.start)
        if self.loops is not None:
            start = self.workload.now()
            self.loops.train(next(self.batches))
            self.theirs.append(self.workload.now() - start)
        self.start = self.workload.now()


def make_model(workload: Workload) -> RetrievalDiffusion:
    """Return our model with random weights."""
    config, schedule, first_stage, _ = NETWORKS[workload.network]
    torch.manual_seed(0)
    return RetrievalDiffusion(
        config,
        schedule,
        first_stage,
        max_noise_std=NOISE,
        steps=workload.sampling_steps,
        guidance_scale=GUIDANCE,
        channels_last=workload.channels_last,
        compiled=workload.compiled,
        gradient_checkpointing=workload.gradient_checkpointing,
    )


def loader(workload: Workload) -> DataLoader[Batch]:
    """Serve random images with neighbours, already in memory."""
    config, _, _, channels = NETWORKS[workload.network]
    side = config.latent_size * (2 if workload.network == "demo" else 1)
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (workload.batch, channels, side, side), generator=draw, dtype=torch.uint8)
    vectors = functional.normalize(torch.randn(workload.batch, NEIGHBOURS, config.condition_dim, generator=draw), dim=2)
    items: Any = [{"image": image, "neighbours": rows} for image, rows in zip(images, vectors, strict=True)]
    return DataLoader(items * (WARM_UP + workload.steps), workload.batch)


def batches(workload: Workload) -> Iterator[Batch]:
    """Serve the same to the plain loop."""
    return iter(loader(workload))


def train(workload: Workload, model: RetrievalDiffusion, turns: TakeTurns) -> None:
    """Train ours, through a Trainer."""
    trainer = L.Trainer(
        max_steps=WARM_UP + workload.steps,
        accelerator="gpu" if workload.device == "cuda" else "cpu",
        devices=1,
        precision=workload.precision,
        callbacks=[turns],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(model, loader(workload))


def time_training(workload: Workload) -> tuple[list[float], list[float]]:
    """Return the seconds of every step, ours and the plain loop's.

    Without switches both train one and the same network with one optimiser: the memory of a second would not fit for all.
    """
    model = make_model(workload)
    apart = copy.deepcopy(make_model(_unswitched(workload)).network.unet) if workload.is_switched else None

    def plain(trainer: L.Trainer) -> PlainLoops:
        if apart is not None:
            return PlainLoops(workload, apart.train())
        return PlainLoops(workload, model.network.unet, trainer.optimizers[0])

    turns = TakeTurns(workload, plain)
    train(workload, model, turns)
    return turns.ours[WARM_UP:], turns.theirs[WARM_UP:]


def time_sampling(workload: Workload) -> tuple[list[float], list[float]]:
    """Return the seconds of every batch, ours and the plain loop's."""
    model = make_model(workload).eval().to(workload.device)
    unet = make_model(_unswitched(workload)).network.unet.eval() if workload.is_switched else model.network.unet
    plain = PlainLoops(workload, unet, torch.optim.SGD(unet.parameters(), 0.1))
    dim, seeds = workload.network_config.condition_dim, list(range(workload.batch))
    condition = functional.normalize(torch.randn(workload.batch, 1, dim), dim=2).to(workload.device)
    noise_std = torch.full((workload.batch,), NOISE, device=workload.device)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(1 + workload.rounds):
        start = workload.now()
        with workload.autocast():
            model.render(condition, noise_std, seeds)
        ours.append(workload.now() - start)
        start = workload.now()
        plain.sample(condition, seeds)
        theirs.append(workload.now() - start)
    return ours[1:], theirs[1:]


def _unswitched(workload: Workload) -> Workload:
    switches = {"channels_last": False, "compiled": False, "gradient_checkpointing": False}
    return Workload(**{**asdict(workload), **switches})


def peak_memory(workload: Workload, work: Work, who: str) -> float:
    """Return the mebibytes that ours or the plain loop needs at most, in a process of its own."""
    gc.collect()
    few = Workload(**{**asdict(workload), "steps": 1, "rounds": 1, "sampling_steps": 2})
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure_memory, (few, work, who))


def _measure_memory(workload: Workload, work: Work, who: str) -> float:
    _quiet()
    before = _begin_peak(workload)
    model = make_model(workload if who == "ours" else _unswitched(workload))
    if work == "training" and who == "ours":
        train(workload, model, TakeTurns(workload, None))
    elif work == "training":
        loops, steps = PlainLoops(workload, model.network.unet.train()), batches(workload)
        for _ in range(WARM_UP + workload.steps):
            loops.train(next(steps))
    else:
        condition = torch.zeros(workload.batch, 1, workload.network_config.condition_dim, device=workload.device)
        model.eval().to(workload.device)
        with workload.autocast():
            if who == "ours":
                model.render(condition, torch.zeros(workload.batch, device=workload.device), [0] * workload.batch)
            else:
                PlainLoops(workload, model.network.unet).sample(condition, [0] * workload.batch)
    return _peak(workload) - before


def _begin_peak(workload: Workload) -> float:
    """Forget the peak so far; return the mebibytes in use now."""
    if workload.device == "cuda":
        return torch.cuda.memory_allocated() / 2**20
    Path("/proc/self/clear_refs").write_text("5")
    return _from_status("VmRSS")


def _peak(workload: Workload) -> float:
    return torch.cuda.max_memory_allocated() / 2**20 if workload.device == "cuda" else _from_status("VmHWM")


def _from_status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**10


def _quiet() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)


def row(
    workload: Workload, work: Work, seconds: tuple[list[float], list[float]], memory: tuple[float, float] | None
) -> str:
    """Return one line of the table."""
    ours, theirs = (workload.batch / statistics.median(times) for times in seconds)
    ratios = sorted(plain / dprdm for dprdm, plain in zip(*seconds, strict=True))
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    switches = [name for name in ("channels_last", "compiled", "gradient_checkpointing") if getattr(workload, name)]
    what = ", ".join([f"{workload.network}, batch {workload.batch}, {workload.device} {workload.precision}", *switches])
    amount = "" if memory is None else f"{memory[0]:,.0f} | {memory[1]:,.0f}"
    speeds = f"{ours:.3g} | {theirs:.3g} | {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})"
    return f"| {work}: {what} | {speeds} | {amount or ' | '} |"


def main() -> None:
    """Measure, print the table, and write the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in asdict(Workload()).items():
        if isinstance(default, bool):
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument(
        "--memory", action="store_true", help="measure the peak of each by itself, in processes of their own"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/throughput"))
    arguments = vars(parser.parse_args())
    with_memory, out = arguments.pop("memory"), arguments.pop("out")
    workload = Workload(**arguments)
    _quiet()
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {workload}\n")
    print("| | ours, images/s | plain diffusers, images/s | ratio: median (quartiles) | ours, MiB | plain, MiB |")
    print("|---|---|---|---|---|---|", flush=True)
    works: dict[Work, Callable[[Workload], tuple[list[float], list[float]]]] = {
        "training": time_training,
        "sampling": time_sampling,
    }
    numbers: dict[str, Any] = {"workload": asdict(workload)}
    for work, measure in works.items():
        seconds = measure(workload)
        memory = (peak_memory(workload, work, "ours"), peak_memory(workload, work, "plain")) if with_memory else None
        print(row(workload, work, seconds, memory), flush=True)
        numbers[work] = {"ours": seconds[0], "plain": seconds[1], "memory": memory}
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{workload.network}-{time.strftime('%Y%m%d-%H%M%S')}.json").write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
