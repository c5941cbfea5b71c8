"""The arguments of finetune and try_run."""

import ast
import inspect
import itertools
from dataclasses import fields
from pathlib import Path

import pytest

import facedet
from facedet.common.errors import UserError
from facedet.train import options as module
from facedet.train.options import TrainingOptions


@pytest.mark.parametrize("function", [facedet.finetune, facedet.try_run])
def test_they_take_the_fields_and_say_so(function) -> None:
    assert list(inspect.signature(function).parameters) == [field.name for field in fields(TrainingOptions)]
    assert inspect.signature(function).parameters["epochs"].annotation == int | None
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) .*'epoch'; did you mean 'epochs'\?"):
        function("tiny", "train", "val", work_dir="run", epoch=3)
    with pytest.raises(TypeError, match="work_dir"):
        function("tiny", "train", "val")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("accumulate", 0),
        ("batch_size", "8"),
        ("batch_size", 0),
        ("seed", -1),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"--{name.replace('_', '-')} {value}: give a whole number, [01] or more"):
        TrainingOptions("tiny", "train", "val", work_dir="run", **{name: value})


def test_each_field_is_documented() -> None:
    (options,) = [
        node
        for node in ast.parse(Path(module.__file__).read_text()).body
        if getattr(node, "name", "") == "TrainingOptions"
    ]
    body = options.body[1:]  # after the class's own docstring
    documented = [
        node.target.id
        for node, after in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(getattr(after, "value", None), ast.Constant)
    ]
    assert documented == [field.name for field in fields(TrainingOptions)]
