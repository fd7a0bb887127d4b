"""`plan --choose`: k and sampling_rate by public rehearsal, and how they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dprdm.errors import UserError
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.release import rehearsal
from dprdm.release.mechanism import PrivacyMechanism
from dprdm.release.rehearsal import Rehearsed, Stage
from dprdm.retrieval.store import PublicStore

BEST = 6
USUAL_TARGET = 20


@dataclass(frozen=True)
class Choice:
    """The settings rehearsed, best first, and on what."""

    settings: tuple[Rehearsed, ...]
    store: Path
    dim: int
    rows: int
    queries: int
    target_k: int
    records: int | None

    @property
    def best(self) -> Rehearsed:
        """The setting whose releases came nearest."""
        return self.settings[0]


def choose_setting(
    store: Path,
    mechanism: PrivacyMechanism,
    budget: Budget,
    queries: int,
    k: int | None,
    sampling_rate: float | None,
    records: int | None,
    max_per_person: int,
) -> Choice:
    """Rehearse the grid, or the part of it that `k` and `sampling_rate` leave.

    Raises:
        UserError: if the store is not public, or no sample of the collection would hold k records.
    """
    ks = rehearsal.KS if k is None else (k,)
    rates = rehearsal.SAMPLING_RATES if sampling_rate is None else (sampling_rate,)
    grid = rehearsal.settings_for(ks, rates, records)
    if not grid:
        raise UserError(
            f"No sampling rate up to {max(rates):g} finds k = {min(ks)} of {records} records. Use a smaller k."
        )
    stage, target_k = Stage.of(PublicStore(store)), USUAL_TARGET if k is None else k
    found = rehearsal.rehearse(stage, mechanism, budget, queries, grid, target_k, SecureNoise(), max_per_person)
    return Choice(tuple(found), store, stage.store.dim, len(stage.rows), len(stage.rankings), target_k, records)


def choice_text(choice: Choice) -> str:
    """The best settings as a table, what they were measured on, and what that leaves open."""
    lines = [
        f"Rehearsed on {choice.rows} public rows of {choice.store}, {choice.queries} of them as queries: the cosine between",
        f"what is released and the mean of the {choice.target_k} nearest of all. No private record was read: it costs nothing.",
        "",
        f"{'k':>6}  {'sampling_rate':>13}  {'noise_std':>9}  {'cosine':>15}  {'without noise':>13}",
        *_table(choice.settings[:BEST]),
        "",
        *_size(choice),
        f"Chosen: k {choice.best.k}, sampling_rate {choice.best.sampling_rate:g}.",
        "",
    ]
    return "\n".join(lines)


def _table(settings: Sequence[Rehearsed]) -> list[str]:
    return [
        f"{one.k:6}  {one.sampling_rate:13g}  {one.noise_std:9.4g}  "
        f"{one.cosine:6.3f} +- {one.standard_error:5.3f}  {one.without_noise:13.3f}"
        for one in settings
    ]


def _size(choice: Choice) -> list[str]:
    if choice.records is None or 0.5 <= choice.records / choice.rows <= 2:
        return []
    where = "nearer" if choice.records > choice.rows else "farther away"
    return [f"Your collection has {choice.records} records: its neighbours lie {where} than the rehearsed ones."]
