"""What private retrieval buys on the demo, and what the noise costs: one table, one picture.

    python benchmarks/demo_table.py                           1,000 images a row
    python benchmarks/demo_table.py --releases_per_prompt 5   50 images a row, about a minute

Every row is one call of `predict`, on a private store of its own, so that no other budget is spent. Run again, it goes on
from what is there. README.md in this folder says how to read the table.
"""

import argparse
import csv
import json
import logging
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from dprdm.cli.predictor import Predictor, load_predictor
from dprdm.data.index import build_store
from dprdm.data.readers.fashion_mnist import CLASS_NAMES
from dprdm.demo.classifier import NAME, load_or_train
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo, Split, load_split
from dprdm.demo.tables import Garments, Measures, measure
from dprdm.errors import UserError
from dprdm.metrics.classifier import ClassifierFeatures, SmallClassifier
from dprdm.metrics.features import provenance
from dprdm.retrieval.store import MANIFEST, PrivateStore
from dprdm.workflows.sweep_points import PointSettings, change_options

QUERIES = 1000
SHOWN = 6  # images of a prompt in the picture: the first ones, not the best
HEADER = "| | epsilon | noise_std | FID to shop | FID to world | class found | brightness | recall | coverage |"


@dataclass(frozen=True)
class TableRun:
    """A run of `predict`: the name of its row, its folder, and the options that it changes."""

    name: str
    folder: str
    settings: PointSettings


@dataclass(frozen=True)
class MeasuredRow:
    """A row: its name, epsilon and noise_std as certified, its numbers, and the images themselves."""

    name: str
    epsilon: str
    noise_std: str
    measures: Measures
    images: Garments


PUBLIC = {"retriever": "public"}
CLEAN, GAUSSIAN, CODEBOOK = ({"mechanism": name} for name in ("nonprivate", "gaussian", "codebook"))
JOINT = {**GAUSSIAN, "denoiser": "joint"}
TEN, ONE = {"eps": 10}, {"eps": 1}
MANY = {"queries": 100_000}
RUNS = (
    TableRun("public neighbours", "public", {**PUBLIC, **CLEAN, **TEN}),
    TableRun("public neighbours, same noise", "public-noise", {**PUBLIC, **GAUSSIAN, **TEN}),
    TableRun("private neighbours, NO NOISE", "nonprivate", {**CLEAN, **TEN}),
    TableRun("gaussian, 1,000 queries, eps 10", "gaussian", {**GAUSSIAN, **TEN}),
    TableRun("gaussian, 1,000, joint, eps 10", "gaussian-joint", {**JOINT, **TEN}),
    TableRun("gaussian, 100,000 queries, eps 10", "gaussian-many", {**GAUSSIAN, **TEN, **MANY}),
    TableRun("codebook, any number, eps 10", "codebook", {**CODEBOOK, **TEN}),
    TableRun("gaussian, 1,000 queries, eps 1", "gaussian-1", {**GAUSSIAN, **ONE}),
    TableRun("gaussian, 1,000, joint, eps 1", "gaussian-joint-1", {**JOINT, **ONE}),
    TableRun("gaussian, 100,000 queries, eps 1", "gaussian-many-1", {**GAUSSIAN, **ONE, **MANY}),
    TableRun("codebook, any number, eps 1", "codebook-1", {**CODEBOOK, **ONE}),
)


def garments(split: Split) -> Garments:
    """Load a split of the demo's images."""
    images, labels = load_split(split)
    return Garments(torch.from_numpy(images)[:, None], torch.from_numpy(labels).long())


def part(whole: Garments, positions: torch.Tensor | slice) -> Garments:
    """Return some of the garments."""
    return Garments(whole.images[positions], whole.labels[positions])


def without(whole: Garments, some: Garments) -> Garments:
    """Return the garments that are not among `some`."""
    taken = {image.numpy().tobytes() for image in some.images}
    return part(whole, torch.tensor([image.numpy().tobytes() not in taken for image in whole.images]))


def balanced(whole: Garments, each: int) -> Garments:
    """Return the first `each` of every class, or all where there are fewer."""
    return part(whole, torch.cat([torch.where(whole.labels == label)[0][:each] for label in range(len(CLASS_NAMES))]))


def copy_store(out: Path, folder: str) -> Path:
    """Copy the private store for one row, so that each row spends a budget of its own; return the copy's folder."""
    first, copy = out / "stores" / "private", out / "stores" / f"private-{folder}"
    if not (first / MANIFEST).exists():
        source = FashionDemo("private")
        build_store(
            source, DemoEncoder(), first, PrivateStore, tqdm(total=len(source), desc="Embedding private images")
        )
    if not copy.exists():
        shutil.copytree(first, copy)
    return copy


def predict(predictor: Predictor, run: TableRun, releases: int, out: Path) -> None:
    """Draw the images of one row, or what is missing of them. Raises UserError if `predict` refuses."""
    print(f"\n== {run.name}", flush=True)
    delta = 1 / len(load_split("private")[1])  # the private store's default, also where none is read
    options = change_options(
        predictor.options,
        {"queries": QUERIES, "delta": float(f"{delta:.6g}"), **run.settings},
        releases_per_prompt=releases,
        images_per_release=1,
        private_store=copy_store(out, run.folder),
        name=run.folder,
        out=out,
    )
    predictor.predict(options)


def drawn(folder: Path) -> Garments:
    """Read the images of a run folder, with the class that each was drawn for."""
    with (folder / "samples.csv").open(encoding="utf-8", newline="") as lines:
        samples = list(csv.DictReader(lines))
    pixels = []
    for sample in samples:
        with Image.open(folder / sample["file"]) as image:
            pixels.append(np.asarray(image.convert("L")))
    labels = [CLASS_NAMES.index(sample["prompt"]) for sample in samples]
    return Garments(torch.from_numpy(np.stack(pixels))[:, None], torch.tensor(labels))


def certified(folder: Path) -> tuple[str, str]:
    """Return epsilon and noise_std, as they stand in the table, from a run's certificate."""
    certificate = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    noise_std = f"{certificate['noise_std']:.3f}"
    match certificate["status"]:
        case "NON-PRIVATE":
            return "NONE", noise_std
        case "private":
            return f"{certificate['epsilon']:.3g}", noise_std
    return "0", noise_std


def picture(rows: list[MeasuredRow], side: int = 56, across: int = 3) -> Image.Image:
    """Draw a row a run, a column a prompt, the first images of each."""
    font, margin, top = ImageFont.load_default(size=15), 8, 28
    left = int(max(font.getlength(row.name) for row in rows)) + 2 * margin
    cell = across * side + margin, -(-SHOWN // across) * side + margin
    canvas = Image.new("RGB", (left + len(CLASS_NAMES) * cell[0], top + len(rows) * cell[1]), "white")
    draw = ImageDraw.Draw(canvas)
    for label, name in enumerate(CLASS_NAMES):
        draw.text((left + label * cell[0], top // 2), name, "black", font, anchor="lm")
    for number, row in enumerate(rows):
        y = top + number * cell[1]
        draw.text((margin, y + cell[1] // 2), row.name, "black", font, anchor="lm")
        for label in range(len(CLASS_NAMES)):
            images = row.images.images[row.images.labels == label][:SHOWN, 0].numpy()
            for position, pixels in enumerate(images):
                at = left + label * cell[0] + position % across * side, y + position // across * side
                canvas.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST), at)
    return canvas


@dataclass(frozen=True)
class GarmentJudge:
    """Measures all rows alike."""

    classifier: SmallClassifier
    extractor: ClassifierFeatures
    resamples: int

    def run(self, name: str, folder: Path, shop: Garments, world: Garments) -> MeasuredRow:
        """Return the row of a run folder."""
        images = drawn(folder)
        return MeasuredRow(name, *certified(folder), self._measure(images, shop, world), images)

    def real(self, name: str, images: Garments, shop: Garments, world: Garments) -> MeasuredRow:
        """Return the row of real images, for reference."""
        return MeasuredRow(name, "", "", self._measure(images, shop, world), images)

    def _measure(self, images: Garments, shop: Garments, world: Garments) -> Measures:
        generator = torch.Generator().manual_seed(0)
        return measure(
            images, shop.images, world.images, self.classifier, self.extractor, generator, resamples=self.resamples
        )


def measured_rows(judge: GarmentJudge, out: Path, each: int) -> list[MeasuredRow]:
    """Return the rows of all runs, and of two sets of real images of the same number."""
    shop, world, pool = garments("heldout_dark"), garments("heldout"), balanced(garments("pool"), each)
    half = balanced(part(shop, slice(0, None, 2)), each)
    return [
        *(judge.run(run.name, out / run.folder, shop, world) for run in RUNS),
        judge.real("real: held out, the shop's kind", half, part(shop, slice(1, None, 2)), without(world, half)),
        judge.real("real: the public pool", pool, shop, world),
    ]


def write(rows: list[MeasuredRow], judge: GarmentJudge, out: Path) -> None:
    """Write table.md, table.json and rows.png; print the first."""
    shop, world = garments("heldout_dark"), garments("heldout")
    accuracy = (judge.classifier.classify(world.images) == world.labels).double().mean().item()
    made_of = provenance(judge.extractor, len(shop.images), rows[0].measures.count, reads_private=False)
    lines = [HEADER, "|---|" + "---|" * (HEADER.count("|") - 2)]
    lines += [f"| {' | '.join([row.name, row.epsilon, row.noise_std, *row.measures.cells()])} |" for row in rows]
    text = "\n".join([*lines, "", notes(accuracy, made_of.weights_sha256, len(shop.images), len(world.images)), ""])
    content = {
        "rows": [{"name": r.name, "epsilon": r.epsilon, "noise_std": r.noise_std} | asdict(r.measures) for r in rows],
        "provenance": asdict(made_of),
        "classifier_accuracy": accuracy,
    }
    print(f"\n{text}")
    (out / "table.md").write_text(text, encoding="utf-8")
    (out / "table.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    picture(rows).save(out / "rows.png")
    print(f"Written: {out / 'table.md'}, {out / 'table.json'}, {out / 'rows.png'}")


def notes(accuracy: float, sha256: str, num_shop: int, num_world: int) -> str:
    """Return what stands under the table."""
    return (
        f"FID, recall and coverage: features of a small classifier of garments (hidden layer of 128, weights {sha256[:12]}, "
        f"{accuracy:.1%} right on held-out garments), trained on the demo's public images. Not Inception: compare within this "
        f"table only.\nShop: {num_shop} held-out garments that the private shop could have owned. World: {num_world} held-out "
        "garments of all kinds. No private image is read by any number here.\n± is half a 95% interval over the images "
        "drawn; the spread between trained generators is not in it."
    )


def main() -> None:
    """Draw every row, measure it, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases_per_prompt", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/demo_table"))
    parser.add_argument("--resamples", type=int, default=100, help="of the bootstrap of FID")
    arguments = parser.parse_args()
    classifier = load_or_train(arguments.out / "classifier.safetensors")
    extractor = ClassifierFeatures(classifier, NAME)
    logging.getLogger("dprdm").setLevel(logging.INFO)
    logging.getLogger("dprdm").addHandler(logging.StreamHandler(sys.stdout))
    predictor = load_predictor("demo.yaml")
    for run in RUNS:
        try:
            predict(predictor, run, arguments.releases_per_prompt, arguments.out)
        except UserError as error:
            parser.exit(2, f"{error}\n")
    judge = GarmentJudge(classifier, extractor, arguments.resamples)
    write(measured_rows(judge, arguments.out, arguments.releases_per_prompt), judge, arguments.out)


if __name__ == "__main__":
    main()
