"""The prior is where neighbour means lie, and the filter is the posterior mean under it."""

import numpy as np
import pytest
import torch
from scipy import stats

from dprdm.errors import UserError
from dprdm.public import prior as prior_module
from dprdm.public.prior import PublicPrior, fit_prior, load_or_fit_prior, nearest_means, posterior
from tests.fakes import public_knowledge, unit_rows

DIM = 6


def random_prior(seed: int = 0) -> PublicPrior:
    draw = np.random.default_rng(seed)
    basis = np.linalg.qr(draw.normal(size=(DIM, DIM)))[0]
    return PublicPrior(unit_rows(60, DIM), basis, np.sort(draw.uniform(0.1, 2, DIM))[::-1].copy())


def test_the_filter_is_the_conditional_mean_of_a_gaussian():
    """An oracle: the textbook formula with full matrices."""
    prior, draw = random_prior(), np.random.default_rng(1)
    seen, centre, noise = draw.normal(size=(1, DIM)), draw.normal(size=(1, DIM)), 0.3
    covariance = prior.basis @ np.diag(prior.variances) @ prior.basis.T
    gain = covariance @ np.linalg.inv(covariance + noise * np.eye(DIM))
    means, errors = posterior(seen, centre, np.full((1, 1), noise), prior.basis, prior.variances)
    assert np.allclose(means, centre + (seen - centre) @ gain.T)
    assert np.allclose(errors, np.trace(covariance - gain @ covariance) / DIM)


def test_the_error_it_states_is_the_error_it_has():
    prior, draw = random_prior(), np.random.default_rng(2)
    clean = (draw.normal(size=(20_000, DIM)) * np.sqrt(prior.variances)) @ prior.basis.T
    noisy = clean + 0.8 * draw.normal(size=clean.shape)
    means, errors = posterior(noisy, np.zeros_like(noisy), np.full((len(noisy), 1), 0.64), prior.basis, prior.variances)
    assert ((means - clean) ** 2).mean() == pytest.approx(errors.mean(), rel=0.02)
    assert ((noisy - clean) ** 2).mean() > 1.5 * errors.mean()  # control: it does something


def test_torch_and_numpy_agree():
    prior, seen = random_prior(), np.random.default_rng(3).normal(size=(4, DIM))
    given = (seen, 0 * seen, np.full((4, 1), 0.2), prior.basis, prior.variances.copy())
    for mine, other in zip(posterior(*given), posterior(*map(torch.from_numpy, given)), strict=True):
        assert np.allclose(mine, other.numpy())


def test_the_centre_is_the_mean_of_the_nearest_public_rows(tmp_path):
    known = public_knowledge(tmp_path, 300, 8)
    prior, asked = fit_prior(known), np.repeat(known.queries, 2, axis=0)
    for query, centre in zip(asked, prior.centre(asked, 7), strict=True):
        assert np.allclose(centre, known.rows[np.argsort(-known.rows @ query)[:7]].mean(axis=0), atol=1e-6)
    assert np.allclose(prior.centre(asked, 10**6), known.rows.mean(axis=0), atol=1e-6)  # as many as there are


def test_means_of_many_rows_are_the_same_however_they_are_added(monkeypatch):
    queries, rows = unit_rows(5, 8, 1), unit_rows(3000, 8, 2)
    added = nearest_means(queries, rows, 1500)
    monkeypatch.setattr(prior_module, "MOST_GATHERED", 10**9)
    assert np.allclose(nearest_means(queries, rows, 1500), added, atol=1e-6)


def test_the_spread_has_the_covariance_of_the_prior():
    prior = random_prior()
    spread = prior.spread(0.5)
    assert np.allclose(spread.T @ spread, 0.25 * prior.basis @ np.diag(prior.variances) @ prior.basis.T)


def test_variances_are_those_of_residuals_along_the_basis(tmp_path):
    known = public_knowledge(tmp_path, 400, 8)
    prior = fit_prior(known, neighbours=5)
    centre = np.tile(known.rows.mean(axis=0, dtype=np.float64), (400, 1))
    captioned = known.caption_of >= 0
    centre[captioned] = prior.centre(known.queries, 5)[known.caption_of[captioned]]
    residuals = (nearest_means(known.rows, known.rows, 5) - centre) @ prior.basis
    assert np.allclose((residuals**2).mean(axis=0), prior.variances, rtol=1e-4)
    assert np.all(np.diff(prior.variances) <= 1e-12)


def test_it_is_fitted_once_and_read_after_that(tmp_path):
    known, path, calls = public_knowledge(tmp_path, 60, 8), tmp_path / "prior.safetensors", []

    def knowledge():
        calls.append(1)
        return known

    first, second = (load_or_fit_prior(path, knowledge) for _ in range(2))
    assert len(calls) == 1
    assert all(
        np.array_equal(one, other) for one, other in zip(vars(first).values(), vars(second).values(), strict=True)
    )


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "prior.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged"):
        PublicPrior.load(path)


def test_nearest_means_by_brute_force():
    rows, queries = unit_rows(700, 5), unit_rows(600, 5, seed=1)
    for query, mean in zip(queries, nearest_means(queries, rows, 7), strict=True):
        assert np.allclose(mean, rows[np.argsort(-rows @ query)[:7]].mean(axis=0), atol=1e-6)
    assert stats.pearsonr(queries[:, 0], nearest_means(queries, rows, 7)[:, 0]).statistic > 0.5
