"""Results that nobody measured, for tests of pages alone: numbers are made up."""

from pathlib import Path

from dprdm.figures.curves import FigureText, Series, draw_curves
from dprdm.runs.provenance import Provenance
from dprdm.runs.results import Measurement, Picture, Results, Row

SMALL = Provenance("made-up features", "ab" * 32, "none", 100, 80, reads_private=False)
FEWER = Provenance("made-up features", "ab" * 32, "none", 100, 40, reads_private=False)
INSIDE = Provenance("made-up features", "ab" * 32, "none", 30, 80, reads_private=True)


def _row(name, status, epsilon, *measurements, images=()):
    settings = {"mechanism": "gaussian", "k": 50, "epsilon": epsilon}
    return Row(name, status, settings, measurements, tuple(images))


def sweep(folder: Path, has_uncovered: bool = False) -> Path:
    """A sweep with a curve; with an uncovered row and an uncovered number if asked."""
    folder.mkdir(parents=True, exist_ok=True)
    line = Series("gaussian", [0.1, 1, 10], [90.0, 60.0, 45.0], [80.0, 55.0, 41.0], [99.0, 65.0, 49.0])
    text = FigureText("Test data: more budget, nearer images", "epsilon", "FID (lower is better)", "made up for a test")
    draw_curves(text, [line], [], folder / "fid")
    rows = [
        _row(f"gaussian, epsilon {e:g}", "private", float(e), Measurement("fid", fid, SMALL, fid - 4, fid + 4),
             Measurement("recall", recall, SMALL if e > 1 else FEWER))
        for e, fid, recall in ((0.1, 90.0, 0.2), (1, 60.0, 0.4), (10, 45.0, 0.5))
    ]  # fmt: skip
    rows = [_row("public only", "public", 0.0, Measurement("fid", 91.5, SMALL, 85.0, 98.0)), *rows]
    if has_uncovered:
        rows.append(_row("without noise", "NON-PRIVATE", None, Measurement("fid", 41.25, SMALL)))
        rows.append(_row("looks inside", "private", 10.0, Measurement("nearest", 0.77, INSIDE)))
    Results(
        "sweep", "Quality against epsilon", "python main.py sweep --out runs/sweep", tuple(rows),
        (Picture("fid.png", "FID falls as epsilon grows. Test data.", "A falling curve of three points."),),
        ("These numbers are made up.",),
    ).save(folder)  # fmt: skip
    return folder


def fidelity(folder: Path) -> Path:
    """Two rows of cosines, without a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = tuple(
        _row(f"k {k}", "private", 10.0, Measurement("cosine", cosine, SMALL, cosine - 0.02, cosine + 0.02))
        for k, cosine in ((20, 0.7), (50, 0.9))
    )
    Results("fidelity", "Retrieval loss", "python main.py fidelity --out runs/fidelity", rows).save(folder)
    return folder


def attack(folder: Path) -> Path:
    """One attack."""
    folder.mkdir(parents=True, exist_ok=True)
    row = _row("nearest image", "private", 10.0, Measurement("tpr_at_1_fpr", 0.012, SMALL, 0.004, 0.03))
    Results("attack", "Membership inference", "python main.py attack --out runs/attack", (row,)).save(folder)
    return folder


def images(folder: Path, files: list[str]) -> Path:
    """A test of images that stand beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    row = _row("one run", "private", 10.0, Measurement("accuracy", 0.9, SMALL), images=files)
    Results("test", "Images of one run", "python main.py test runs/one", (row,)).save(folder)
    return folder
