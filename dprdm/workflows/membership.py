"""The two membership attacks of `attack`: every mechanism, asked in two ways, by vectors or by images."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dprdm import check
from dprdm.audit.likelihood import Members
from dprdm.audit.membership import RATIO, Attacked, both_attacks, measurements
from dprdm.audit.shadows import Pool, Released, Seen, as_released, random_halves
from dprdm.audit.shadows import attack as attack_stores
from dprdm.data.stand_in import StandIn
from dprdm.errors import UserError
from dprdm.figures.roc import RocLine, draw_rocs
from dprdm.privacy.budget import Budget
from dprdm.public.knowledge import PublicKnowledge, evenly
from dprdm.registry import plugin_named
from dprdm.release.mechanism import Preparable, PrivacyMechanism, Terms
from dprdm.release.plan import make_plan
from dprdm.runs.cached_arrays import kept
from dprdm.runs.provenance import Provenance
from dprdm.runs.results import Picture, Row, Setting, Status
from dprdm.workflows.draw import Drawing

# Rates of fewer false positives than this are left out of pictures: they are chance.
LEAST_ALARMS = 5
OWN, PROMPT = "own query", "class prompt"


@dataclass(frozen=True)
class AttackSettings:
    """What is attacked, as asked for on the command line."""

    mechanisms: tuple[str, ...]
    eps: tuple[float, ...]
    delta: float
    k: int
    sampling_rate: float
    queries: int
    seed: int

    def __post_init__(self) -> None:
        if not self.mechanisms or not self.eps:
            raise UserError("Expected at least one of --mechanisms and one of --eps.")
        for epsilon in self.eps:
            check.positive(eps=epsilon)

    def mechanism(self, name: str) -> PrivacyMechanism:
        """By short name, with the settings that it has."""
        return plugin_named("mechanism", name, k=self.k, sampling_rate=self.sampling_rate)


@dataclass(frozen=True)
class Arm:
    """One line of every picture."""

    name: str
    released: Released

    @property
    def settings(self) -> dict[str, Setting]:
        """For results."""
        plan = self.released.plan
        searching: dict[str, Setting] = {} if plan.mechanism.tuning is None else asdict(plan.mechanism.tuning)
        budget: dict[str, Setting] = (
            {"epsilon": plan.budget.epsilon, "delta": plan.budget.delta} if plan.is_private else {}
        )
        return {
            "mechanism": plan.mechanism.name,
            **budget,
            "queries": plan.num_queries,
            "noise_std": plan.noise_std,
            **searching,
        }


def arms(settings: AttackSettings, public: PublicKnowledge, records: int) -> list[Arm]:
    """Every mechanism with every budget; without privacy, with one neighbour as the official demonstration, and with k."""
    made = []
    for name in settings.mechanisms:
        mechanism = settings.mechanism(name)
        if mechanism.is_private:
            made += [
                arm(mechanism, epsilon, settings.delta, settings.queries, public, records) for epsilon in settings.eps
            ]
            continue
        one = plugin_named("mechanism", name, k=1, sampling_rate=1.0)
        made += [
            arm(way, 1.0, settings.delta, settings.queries, public, records) for way in dict.fromkeys((one, mechanism))
        ]
    return made


def arm(
    mechanism: PrivacyMechanism, epsilon: float, delta: float, queries: int, public: PublicKnowledge, records: int
) -> Arm:
    """One mechanism with the least noise that its budget allows."""
    budget = Budget(epsilon, delta)
    if isinstance(mechanism, Preparable):
        mechanism = mechanism.prepare(public, Terms(budget, queries, records))
    plan = make_plan(mechanism, plugin_named("retriever", "exact"), budget, queries)
    setting = f"epsilon {epsilon:g}" if mechanism.is_private else f"k {plan.tuning.k}"
    return Arm(f"{mechanism.name}, {setting}", Released(plan))


def membership_rows(
    part: str,
    stand_in: StandIn,
    settings: AttackSettings,
    attacked: Sequence[Arm],
    trials: int,
    candidates: int,
    drawing: Drawing | None,
    out: Path,
) -> tuple[list[Row], list[Picture]]:
    """Rows and one picture for each way of asking.

    Args:
        part: `released` or `images`; names files and rows.
        trials: stores.
        candidates: records attacked.
        drawing: draws and looks at images; None: the released vectors themselves are looked at.
    """
    check.in_range(2, len(stand_in.rows), candidates=candidates)
    rng = np.random.default_rng(settings.seed)  # noqa: TID251 - of the attacker's own stores
    is_in = random_halves(trials, len(stand_in.rows), rng)
    chosen = evenly(len(stand_in.rows), candidates)
    rows, pictures = [], []
    for how, pool in _pools(stand_in, chosen):
        lines = []
        for one in attacked:
            seen = _seen(part, how, one, pool, is_in, stand_in, settings, drawing, out)
            found = both_attacks(seen, is_in[:, chosen])
            made = _provenance(part, stand_in, chosen, trials, drawing, settings.queries)
            rows += [_row(part, how, one, way, made, rng) for way in found]
            lines.append(_line(one, next(way for way in found if way.attack == RATIO)))
        pictures.append(_picture(part, how, lines, is_in[:, chosen], out))
    return rows, pictures


def _pools(stand_in: StandIn, chosen: np.ndarray) -> Iterator[tuple[str, Pool]]:
    """The adversary's way of asking, and a usual user's."""
    yield OWN, Pool(stand_in.rows, chosen, stand_in.rows[chosen], np.arange(len(chosen)))
    yield PROMPT, Pool(stand_in.rows, chosen, stand_in.prompts, stand_in.class_of[chosen])


def _seen(
    part: str,
    how: str,
    one: Arm,
    pool: Pool,
    is_in: Members,
    stand_in: StandIn,
    settings: AttackSettings,
    drawing: Drawing | None,
    out: Path,
) -> Seen:
    path = out / "kept" / f"{part}-{how}-{one.name}.npz".replace(" ", "-").replace(",", "")
    depends = {
        "plan": one.released.plan.public_fields(),
        "asked": [how, settings.queries, settings.seed, *is_in.shape, len(pool.candidates), stand_in.fingerprint],
        "drawn": None if drawing is None else [drawing.model.fingerprint(), drawing.model.settings()],
    }

    def measure() -> dict[str, np.ndarray]:
        with tqdm(total=len(is_in), desc=f"{part}, {how}: {one.name}", unit="store") as progress:
            see = as_released if drawing is None else drawing.see
            return vars(attack_stores(pool, one.released, is_in, see, progress.update))

    return Seen(**kept(path, depends, measure))


def _provenance(
    part: str, stand_in: StandIn, chosen: np.ndarray, trials: int, drawing: Drawing | None, queries: int
) -> Provenance:
    encoder = {} if drawing is None else drawing.encoder.identity
    made_of = "released vectors" if drawing is None else f"images through {encoder['model']}"
    described = f"{made_of}; {trials} stores"
    return Provenance(
        described,
        encoder.get("weights_sha256", ""),
        "",
        len(chosen) * trials,
        len(chosen) * trials * queries,
        stand_in.is_private,
    )


def _row(part: str, how: str, one: Arm, way: Attacked, made: Provenance, rng: np.random.Generator) -> Row:  # noqa: TID251
    settings = {**one.settings, "seen": part, "asked": how, "attack": way.attack}
    name = f"{one.name}; {part}, {how}, {way.attack}"
    status: Status = "private" if one.released.plan.is_private else "NON-PRIVATE"
    return Row(name, status, settings, tuple(measurements(way, one.released.plan, made, rng)))


def _line(one: Arm, way: Attacked) -> RocLine:
    costs = one.released.plan.epsilons() if one.released.plan.is_private else None
    return RocLine(one.name, way.curve(), None if costs is None else (costs.epsilon, costs.delta))


def _picture(part: str, how: str, lines: Sequence[RocLine], is_member: Members, out: Path) -> Picture:
    title = {"released": "Membership from released vectors", "images": "Membership from generated images"}[part]
    stores, candidates = is_member.shape
    caption = (
        f"Likelihood ratio over {stores} stores, {candidates} candidates; {how}. Dotted: what the guarantee allows."
    )
    stem = out / f"roc-{part}-{how}".replace(" ", "-")
    draw_rocs(f"{title}: {how}", caption, lines, min(0.1, LEAST_ALARMS / (is_member.size / 2)), stem)
    ends = ", ".join(f"{line.label}: {_at_one_percent(line):.2f}" for line in lines)
    return Picture(
        f"{stem.name}.png",
        f"{title}: {how}. {caption}",
        f"ROC curves; true positive rate at 1% false positives: {ends}.",
    )


def _at_one_percent(line: RocLine) -> float:
    return float(line.curve.true_positive[line.curve.false_positive <= 0.01].max())
