"""`sweep`: the same prompts at many budgets and settings, each point one `predict`, measured and drawn as curves."""

from pathlib import Path

from dprdm import check
from dprdm.cli.function import repeated_by
from dprdm.cli.predictor import load_predictor
from dprdm.cli.screen import warnings_only
from dprdm.data.readers.source import ImageSource
from dprdm.encoders.encoder import Encoder
from dprdm.resources import find_config
from dprdm.retrieval.store import PrivateStore
from dprdm.runs.results import FILE
from dprdm.workflows.measure import EvaluationSettings
from dprdm.workflows.sweep import SweepPlot, SweepSettings
from dprdm.workflows.sweep import sweep as run_sweep


def sweep(
    curves: list[SweepPlot],
    measure: EvaluationSettings,
    predict: str,
    stand_in: ImageSource | None = None,
    private_store: Path | None = None,
    prompts: list[str] | None = None,
    images_per_prompt: int = 20,
    horizons: dict[str, dict[str, int | float | str]] | None = None,
    encoder: Encoder | None = None,
    title: str = "What privacy costs",
    out: Path = Path("runs/sweep"),
) -> None:
    """Draw the images of many settings and measure them: what privacy costs, as curves. Interrupted, it goes on.

    Args:
        curves: what varies along which axis.
        measure: which numbers, against which real images.
        predict: config of `predict` for every point.
        stand_in: public images in the place of private ones: every point has a budget of its own, which is thrown away.
        private_store: a private store, instead: every point is charged to its ledger, and refused where its cap ends.
        prompts: of every point; by default those that stand_in suggests.
        images_per_prompt: drawn at every point.
        horizons: points that stand on no axis, by label.
        encoder: of the stand-in's images; by default that of the config's data.
        title: of the results.
        out: folder of the results.
    """
    check.at_least(1, images_per_prompt=images_per_prompt)
    settings = SweepSettings(curves, prompts or (), images_per_prompt, horizons or {}, title)
    store = None if private_store is None else PrivateStore(private_store, check=False)
    predictor = load_predictor(find_config(predict))
    with warnings_only():  # what `predict` says of a point is in the point's folder
        results = run_sweep(
            settings,
            measure,
            predictor.predict,
            predictor.options,
            store,
            stand_in,
            encoder or predictor.data.encoder,
            out,
            repeated_by("sweep"),
        )
    print(
        f"{len(results.rows)} points in {out / FILE}; curves: {', '.join(str(out / p.file) for p in results.pictures)}"
    )
