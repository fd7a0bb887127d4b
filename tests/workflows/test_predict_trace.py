"""The main job can be followed: how many functions, files and levels of ours one `predict` runs through.

Counted are functions and methods of `dprdm` and `plugins` that are called. A comprehension or a lambda is part of the function
that it stands in, a property is read like a field, and what importing a module runs is not counted.
"""

import ast
import functools
import inspect
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import lightning as L
import pytest

from dprdm.data.datamodule import NeighbourDataModule
from dprdm.demo import DEMO
from dprdm.demo.encoder import DemoEncoder
from dprdm.demo.fashion import FashionDemo
from dprdm.plugins.denoisers.none import NoDenoiser
from dprdm.plugins.mechanisms.gaussian import Gaussian
from dprdm.plugins.retrievers.exact import Exact
from dprdm.workflows.generators import load_generator
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.predict import predict

ROOTS = tuple(
    str(path.resolve()) for path in (Path(__file__).parents[2] / "dprdm", Path(__file__).parents[2] / "plugins")
)


@dataclass
class Trace:
    """Functions that were called, and the deepest stack of them."""

    functions: set[tuple[str, str]] = field(default_factory=set)
    deepest: tuple[str, ...] = ()
    stack: list[str] = field(default_factory=list)

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event not in {"call", "return"} or not is_counted(code):
            return
        if event == "return":
            self.stack.pop()
            return
        self.functions.add((code.co_filename, code.co_qualname))
        self.stack.append(code.co_qualname)
        if len(self.stack) > len(self.deepest):
            self.deepest = tuple(self.stack)

    @property
    def files(self) -> set[str]:
        return {file for file, _ in self.functions}


def is_counted(code: CodeType) -> bool:
    is_module_or_class = not code.co_flags & inspect.CO_OPTIMIZED
    is_ours = code.co_filename.startswith(ROOTS) and not code.co_name.startswith("<") and not is_module_or_class
    return is_ours and (code.co_filename, code.co_firstlineno) not in properties(code.co_filename)


@functools.cache
def properties(file: str) -> set[tuple[str, int]]:
    """The lines on which properties of a file begin."""
    functions = (node for node in ast.walk(ast.parse(Path(file).read_text())) if isinstance(node, ast.FunctionDef))
    return {
        (file, node.decorator_list[0].lineno)
        for node in functions
        if any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


@contextmanager
def traced() -> Iterator[Trace]:
    trace = Trace()
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)


def trace_predict(name: str) -> Trace:
    """Trace one `predict` of the demo's generator."""
    options = PredictOptions(
        Gaussian(k=5, sampling_rate=0.3), Exact(), NoDenoiser(), eps=10, queries=40, private_store=Path("store"),
        prompt=["sandal", "coat"], releases_per_prompt=2, name=name,
    )  # fmt: skip
    generator = load_generator(DEMO / "generator.safetensors")
    data = NeighbourDataModule(FashionDemo("pool"), DemoEncoder(), Path("public"))
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    with traced() as trace:
        predict(options, generator, data, trainer)
    return trace


@pytest.mark.usefixtures("workplace")
def test_a_predict_is_followed_through_few_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("dprdm"), "handlers", [])  # the command line's, which the fixture has used
    first, again = trace_predict("first"), trace_predict("again")
    for trace in (first, again):
        listed = sorted(f"{Path(file).name}: {name}" for file, name in trace.functions)
        assert len(trace.functions) < 200, listed
        assert len(trace.files) < 50, trace.files
        assert len(trace.deepest) < 14, trace.deepest
    assert len(again.functions) < len(first.functions)  # what is stored is neither paid for nor searched
    assert {"predict", "release", "answer", "Exact.search", "draw"} <= {name for _, name in first.functions}
