"""`sweep` from Python: what is refused before anything is released."""

import pytest

from dprdm import registry
from dprdm.data.readers.folder import ImageFolder
from dprdm.errors import UserError
from dprdm.retrieval.store import PrivateStore
from dprdm.workflows.measure import EvaluationSettings
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.sweep import SweepPlot, SweepSettings, sweep
from tests.fakes import private_store, unit_rows

PLOT = SweepPlot("eps", [1, 10], {"gaussian": {"mechanism": "gaussian"}})


@pytest.fixture
def source(public_images):
    return ImageFolder(public_images)


@pytest.fixture
def store(tmp_path) -> PrivateStore:
    return private_store(tmp_path / "store", unit_rows(20, 8))


def refuse(tmp_path, settings: SweepSettings, evaluation: EvaluationSettings, **stores: object) -> str:
    """The sentence with which a sweep is refused. Fails if a point was asked for."""

    def predict(options: PredictOptions) -> None:
        raise AssertionError("released")

    plugins = {kind: registry.create(kind, name) for kind, name in
               {"mechanism": "gaussian", "retriever": "exact", "denoiser": "none"}.items()}  # fmt: skip
    with pytest.raises(UserError) as refused:
        sweep(settings, evaluation, predict, PredictOptions(**plugins), out=tmp_path / "swept", **stores)
    return str(refused.value)


def test_what_cannot_be_swept_is_refused_before_a_point_is_asked_for(tmp_path, source, store):
    kid = EvaluationSettings(source, ["accuracy"])
    bags = SweepSettings([PLOT], ["bag"])
    assert "either --stand_in" in refuse(tmp_path, bags, kid)
    assert "not both" in refuse(tmp_path, bags, kid, private_store=store, stand_in=source)
    assert "Expected --encoder, which embeds the stand-in" in refuse(tmp_path, bags, kid, stand_in=source)
    assert "prompts to ask" in refuse(tmp_path, SweepSettings([PLOT]), kid, private_store=store)
    unmeasured = EvaluationSettings(None, ["accuracy"])
    assert "Expected real images" in refuse(tmp_path, bags, unmeasured, private_store=store)
    assert not (tmp_path / "swept").exists()


def test_a_point_that_no_option_is_for_is_refused_before_the_first_is_paid_for(tmp_path, source, store):
    plots = [PLOT, SweepPlot("eps", [-1], {"last": {}})]
    settings = SweepSettings(plots, ["bag"])
    said = refuse(tmp_path, settings, EvaluationSettings(source, ["accuracy"]), private_store=store)
    assert said == "The point {'eps': -1} was refused. Expected eps=-1 above 0."
