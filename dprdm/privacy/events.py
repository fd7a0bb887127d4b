"""Privacy events as plain values: made equal where they are equal, and written to JSON and back.

An event says what was done to the private data, in the vocabulary of dp_accounting. A ledger keeps hundreds of them;
they compose quickly because equal ones are counted, not repeated.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dp_accounting import dp_event
from dp_accounting.dp_event import DpEvent

from dprdm.errors import UserError


def poisson_sampled(base: DpEvent, sampling_rate: float, count: int) -> DpEvent:
    """Return `count` times `base`, each on its own Poisson sample; a `sampling_rate` of 1 is no sampling."""
    once = base if sampling_rate == 1 else dp_event.PoissonSampledDpEvent(sampling_rate, base)
    return dp_event.SelfComposedDpEvent(once, count)


def sampled_gaussian(noise_multiplier: float, sampling_rate: float, count: int) -> DpEvent:
    """Return `count` Gaussian mechanisms, each on its own Poisson sample."""
    return poisson_sampled(dp_event.GaussianDpEvent(noise_multiplier), sampling_rate, count)


def compose(events: Iterable[DpEvent]) -> DpEvent:
    """Compose all of these, one after another, equal ones counted together. Order does not matter to composition."""
    counts = count_equal(events)
    return dp_event.ComposedDpEvent([dp_event.SelfComposedDpEvent(base, count) for base, count in counts.items()])


def count_equal(events: Iterable[DpEvent]) -> Counter[DpEvent]:
    """Count how often each event occurs in all of these, compositions resolved and no-ops left out."""
    counts: Counter[DpEvent] = Counter()
    for event in events:
        for base, count in base_events(event):
            counts[base] += count
    return counts


def base_events(event: DpEvent, count: int = 1) -> Iterator[tuple[DpEvent, int]]:
    """Yield the events that `event` is composed of, with their counts; no-ops are left out."""
    match event:
        case dp_event.NoOpDpEvent():
            return
        case dp_event.SelfComposedDpEvent(event=inner, count=times):
            yield from base_events(inner, count * times)
        case dp_event.ComposedDpEvent(events=inners):
            for inner in inners:
                yield from base_events(inner, count)
        case _ if count > 0:
            yield event, count


def to_json(event: DpEvent) -> dict[str, Any]:
    """Return a plain dict of numbers and names; `from_json` returns the event.

    Raises:
        UserError: for a kind of event that no accountant here composes.
    """
    match event:
        case dp_event.NoOpDpEvent():
            return {"event": "none"}
        case dp_event.NonPrivateDpEvent():
            return {"event": "non_private"}
        case dp_event.GaussianDpEvent(noise_multiplier=noise_multiplier):
            return {"event": "gaussian", "noise_multiplier": noise_multiplier}
        case dp_event.LaplaceDpEvent(noise_multiplier=scale_multiplier):
            return {"event": "laplace", "scale_multiplier": scale_multiplier}
        case dp_event.PoissonSampledDpEvent(sampling_probability=rate, event=inner):
            return {"event": "poisson_sampled", "sampling_rate": rate, "of": to_json(inner)}
        case dp_event.SelfComposedDpEvent(event=inner, count=count):
            return {"event": "repeated", "count": count, "of": to_json(inner)}
        case dp_event.ComposedDpEvent(events=inners):
            return {"event": "composed", "of": [to_json(inner) for inner in inners]}
    raise UserError(
        f"Expected an event made of Gaussians, Laplace noise, Poisson samples and compositions, got {event}."
    )


def from_json(content: Mapping[str, Any]) -> DpEvent:
    """Return the event that `to_json` wrote.

    Raises:
        UserError: if the content is no such event.
    """
    match content:
        case {"event": "none"}:
            return dp_event.NoOpDpEvent()
        case {"event": "non_private"}:
            return dp_event.NonPrivateDpEvent()
        case {"event": "gaussian", "noise_multiplier": float() | int() as noise_multiplier}:
            return dp_event.GaussianDpEvent(noise_multiplier)
        case {"event": "laplace", "scale_multiplier": float() | int() as scale_multiplier}:
            return dp_event.LaplaceDpEvent(scale_multiplier)
        case {"event": "poisson_sampled", "sampling_rate": float() | int() as rate, "of": dict() as inner}:
            return dp_event.PoissonSampledDpEvent(rate, from_json(inner))
        case {"event": "repeated", "count": int(count), "of": dict() as inner}:
            return dp_event.SelfComposedDpEvent(from_json(inner), count)
        case {"event": "composed", "of": list() as inners}:
            return dp_event.ComposedDpEvent([from_json(inner) for inner in inners])
    raise UserError(f"Expected a privacy event, got {content}.")
