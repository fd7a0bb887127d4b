"""What a person requests, and the name under which its release is stored."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dprdm import check
from dprdm.errors import UserError
from dprdm.types import Query


@dataclass(frozen=True)
class Request:
    """One prompt, and which of several releases for it: another replicate is a fresh draw.

    Args:
        prompt: text, in Unicode NFC and without space around it.
        replicate: counted from 0.
    Examples:
        >>> dprdm.Request("ankle boot", 0) in release.requests
        True
    """

    prompt: str
    replicate: int


def list_requests(prompts: Sequence[str], replicates: int) -> tuple[Request, ...]:
    """Return `replicates` requests for each distinct prompt, prompt by prompt.

    Raises:
        UserError: if there is no prompt, or one without text.
    """
    texts = dict.fromkeys(unicodedata.normalize("NFC", prompt).strip() for prompt in prompts)
    if not texts or "" in texts:
        raise UserError("Expected a prompt, a text of at least one character. Never take it from the private data.")
    return tuple(Request(text, number) for text in texts for number in range(check.at_least(1, replicates=replicates)))


def request_key(request: Request | None, settings: Mapping[str, Any]) -> str:
    """Return the name of a request: equal for equal prompt, replicate and settings, and for nothing else.

    The vector of the prompt is no part of it: its last bits change with threads, batch and device.

    Args:
        request: None for a mechanism that releases once for all requests.
        settings: public ones: of the plan, of the store and of the encoder.
    """
    wanted = None if request is None else [request.prompt, request.replicate]
    return hashlib.sha256(json.dumps(_plain([dict(settings), wanted]), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return the same with numbers as floats: 1 and 1.0 are one setting, however it was written."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def key_of_0_4(query: Query | None, replicate: int, settings: Mapping[str, Any]) -> str:
    """Return the name that version 0.4 gave to a request, by the numbers of its vector."""
    digest = hashlib.sha256(json.dumps([dict(settings), replicate], sort_keys=True).encode())
    if query is not None:
        digest.update(b"\0" + query.astype("<f8").tobytes())
    return digest.hexdigest()
