"""Checking and splitting a set: every seeded fault is found once, nothing is changed, duplicates stay together."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.datasets import GOOD, HEIGHT, WIDTH, Drawn, altered, clean
from PIL import Image

from facedet.cli import main
from facedet.core.common.errors import UserError
from facedet.core.data.dataset import DatasetSource
from facedet.core.data.image import SUFFIXES, read_image, write_png
from facedet.core.data.inspect.check import Check, check_dataset
from facedet.core.data.inspect.findings import KINDS
from facedet.core.data.inspect.hashing import FARTHEST, fingerprint, groups_of_near_duplicates, most_alike
from facedet.core.data.inspect.report import write_report
from facedet.core.data.synthetic import draw_image


def spoil(drawn: Drawn) -> dict[str, str]:
    """Add one fault of every kind that one set can have; returns kind -> the name it must be found under."""
    nan = float("nan")
    drawn.add("nan.png", GOOD, (10, 10, nan, 40))
    drawn.add("outside.png", GOOD, (500, 10, 40, 40))
    drawn.add("no-area.png", GOOD, (10, 10, 0, 40))
    drawn.add("cut.png", GOOD, (-20, 200, 60, 60))
    drawn.add("repeated.png", GOOD, GOOD)
    drawn.add("too-large.png", (2, 2, WIDTH - 4, HEIGHT - 4))
    drawn.add("too-small.png", GOOD, (10, 10, 1.5, 1.2))
    drawn.add("small.png", GOOD, (10, 10, 4, 3))
    drawn.add("size.png", GOOD)
    drawn.content["images"][-1]["width"] = WIDTH + 1
    drawn.annotate("gone.png", GOOD)
    first = drawn.add("a-twice.png", GOOD)
    drawn.add("duplicate.png", GOOD, image=first)
    second = drawn.add("b-twice.png", GOOD)
    drawn.add("contradiction.png", (200, 40, 50, 60), image=second)
    third = drawn.add("c-twice.png", GOOD)
    drawn.add("near-duplicate.png", GOOD, image=altered(third))
    turned = Image.fromarray(cv2.resize(draw_image(drawn.rng)[0], (HEIGHT, WIDTH)))
    turned.save(drawn.folder / "images" / "turned.png", exif=orientation(6))
    drawn.annotate("turned.png", GOOD)
    drawn.content["annotations"].append({"id": -1, "image_id": "nowhere", "category_id": 1, "bbox": GOOD})
    same = ("nan", "outside", "no-area", "cut", "repeated", "too-large", "too-small", "small", "size", "turned")
    names = {kind: f"{kind}.png" for kind in (*same, "duplicate", "contradiction", "near-duplicate")}
    return {**names, "picture": "gone.png", "entry": "set.json"}


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def named(check: Check) -> Counter:
    return Counter((finding.kind, finding.path.name) for finding in check.findings)


def digests(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_fault_is_found_once_and_nothing_else(tmp_path: Path) -> None:
    drawn = clean(tmp_path / "set")
    expected = spoil(drawn)
    source = drawn.save()
    before = digests(tmp_path)
    result = check_dataset(source)
    assert named(result) == Counter(expected.items())
    assert set(expected) | {"no-faces", "leak", "near-leak"} == set(KINDS)  # these three: see below
    assert result.hurts
    assert digests(tmp_path) == before


def test_faults_of_a_picture_name_their_boxes(tmp_path: Path) -> None:
    drawn = clean(tmp_path)
    drawn.add("many.png", GOOD, (500, 10, 40, 40), (600, 10, 40, 40), (10, 10, 4, 3))
    found = {finding.kind: finding.boxes for finding in check_dataset(drawn.save()).findings}
    assert found == {"outside": ((500, 10, 540, 50), (600, 10, 640, 50)), "small": ((10, 10, 14, 13),)}


def test_what_both_sets_hold_is_found(tmp_path: Path) -> None:
    train, val = clean(tmp_path / "train"), clean(tmp_path / "val", seed=2)
    one, other = (read_image(tmp_path / "train" / "images" / f"clean-{k}.png") for k in (0, 1))
    val.add("copy.png", GOOD, image=one)
    val.add("near.png", GOOD, image=altered(other))
    result = check_dataset(train.save(), val.save())
    assert named(result) == {("leak", "copy.png"): 1, ("near-leak", "near.png"): 1}
    assert {f.path.name: f.other.name for f in result.findings if f.other} == {
        "copy.png": "clean-0.png",
        "near.png": "clean-1.png",
    }
    assert {f.role for f in result.findings} == {"val"}
    assert result.hurts


@pytest.mark.parametrize("content", [b"no picture", b"", None])
def test_a_picture_that_cannot_be_decoded_is_found(tmp_path: Path, content: bytes | None) -> None:
    drawn = clean(tmp_path)
    file = tmp_path / "images" / "clean-1.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    result = check_dataset(drawn.save())
    assert named(result) == {("picture", "clean-1.png"): 1}
    assert result.sets[0].faces == 6


def test_a_picture_that_already_the_reader_cannot_open_is_found_as_one(tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in ("good", "bad"):
        write_png(draw_image(np.random.default_rng(1))[0], tmp_path / "images" / f"{name}.png")
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "images" / "bad.png").write_bytes(b"no picture")
    assert named(check_dataset(DatasetSource(tmp_path, format="yolo"))) == {("picture", "bad.png"): 1}


def test_a_size_annotated_before_exif_turned_the_picture_is_said_to_be_that(tmp_path: Path) -> None:
    drawn = clean(tmp_path)
    turned = Image.fromarray(read_image(tmp_path / "images" / "clean-1.png"))
    turned.save(tmp_path / "images" / "clean-1.png", exif=orientation(6))
    (finding,) = check_dataset(drawn.save()).findings
    assert (finding.kind, finding.detail) == (
        "size",
        "annotated as 400x320 but is 320x400: annotated before EXIF turned it",
    )


def test_ignored_faces_are_not_judged_but_counted(tmp_path: Path) -> None:
    drawn = clean(tmp_path)
    drawn.add("crowd.png", (10, 10, 1.5, 1.2), (500, 10, 9, 9), (0, 0, WIDTH, HEIGHT), iscrowd=1)
    result = check_dataset(drawn.save())
    assert result.findings == []
    assert (result.sets[0].ignored, result.sets[0].faces, result.sets[0].without_faces) == (3, 8, 1)


def test_a_set_without_a_face_would_hurt(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, 1)
    drawn.add("empty.png")
    assert named(check_dataset(drawn.save())) == {("no-faces", "set.json"): 1}


def test_a_set_without_a_picture_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set\.json: no picture is annotated"):
        check_dataset(Drawn(tmp_path, 1).save())


def test_figures_are_those_of_the_resized_picture(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, 1)
    drawn.add("a.png", (10, 10, 40, 80), (100, 10, 40, 20))  # 160 and 40 px of 640
    drawn.add("b.png")
    (figures,) = check_dataset(drawn.save()).sets
    assert figures.heights == (0, 0, 0, 1, 0, 1, 0, 0)
    assert figures.in_pictures == (1, 0, 1, 0, 0, 0, 0, 0, 0)
    assert (figures.pictures, figures.without_faces, sum(figures.classes.values())) == (2, 1, 2)
    (smaller,) = check_dataset(drawn.save(), size=160).sets
    assert smaller.heights == (0, 1, 0, 1, 0, 0, 0, 0)


def test_the_command_prints_writes_and_ends_with_what_it_found(tmp_path: Path) -> None:
    drawn = clean(tmp_path / "set")
    good = drawn.save().path
    done = CliRunner().invoke(main, ["data", "check", str(good)])
    assert (done.exit_code, "nothing would hurt" in done.output) == (0, True), done.output
    spoil(drawn)
    bad = drawn.save().path
    arguments = ["data", "check", str(bad), "--report", str(tmp_path / "out"), "--json", str(tmp_path / "c.json")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert "gone.png: cannot be read as a picture (no such file)" in done.output
    assert (tmp_path / "c.json").read_bytes() == (tmp_path / "out" / "check.json").read_bytes()
    done = CliRunner().invoke(main, ["data", "check", str(tmp_path / "none.json")])
    assert done.exit_code == 2


def test_the_page_and_the_json_hold_what_was_found(tmp_path: Path) -> None:
    drawn = clean(tmp_path / "set")
    expected = spoil(drawn)
    for k in range(30):
        drawn.annotate(f"missing-{k}.png")
    result = check_dataset(drawn.save())
    page = write_report(result, tmp_path / "out").read_text()
    content = json.loads((tmp_path / "out" / "check.json").read_text())
    assert len(content["findings"]) == len(result.findings)
    assert content["hurts"] is True
    assert content["kinds"]["picture"]["findings"] == 31
    assert [f["boxes"] for f in content["findings"] if f["kind"] == "nan"] == [[[10, 10, None, 50]]]
    for kind in expected:
        assert f'id="{kind}"' in page
    assert page.count("<img ") == len(expected) - 2  # one each, but none of a missing picture or entry
    assert "and 7 more" in page
    assert "http" not in page


def test_copies_are_found_and_different_pictures_are_not() -> None:
    rng = np.random.default_rng(3)
    pictures = [draw_image(rng)[0] for _ in range(40)]
    flat = [np.full((50, 60, 3), grey, np.uint8) for grey in (10, 10, 200)]
    few = [np.full((320, 400, 3), 90, np.uint8) for _ in range(2)]
    few[0][40:90, 40:90] = few[1][200:250, 300:350] = 220
    prints = [fingerprint(image) for image in [*pictures, *flat, *few]]
    assert groups_of_near_duplicates(prints) == []
    copies = [fingerprint(altered(image)) for image in pictures]
    assert sorted(groups_of_near_duplicates(prints + copies)) == [[k, k + len(prints)] for k in range(40)]
    assert all(most_alike(copy, prints[:40])[0] == k for k, copy in enumerate(copies))


def test_copies_of_photographs_are_found_and_different_ones_are_not(faces: Path) -> None:
    paths = sorted(p for p in (faces / "images").iterdir() if p.suffix in SUFFIXES)
    images = [read_image(path) for path in paths]
    prints = [fingerprint(image) for image in images]
    # of the 105, two are one photograph with and without its background, and two were taken moments apart
    repeated = [[paths[k].stem.strip("maks") for k in group] for group in groups_of_near_duplicates(prints)]
    assert sorted(repeated) == [["287", "478"], ["485", "87"]]
    copies = [fingerprint(altered(image)) for image in images]
    found = groups_of_near_duplicates(prints + copies)
    together = {k for group in found for k in group if k + len(prints) in group}
    assert together == set(range(len(prints)))
    assert max(most_alike(copy, [own])[1] for copy, own in zip(copies, prints, strict=True)) <= FARTHEST
