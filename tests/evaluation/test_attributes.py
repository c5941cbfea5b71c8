"""The user's own attributes of images and faces."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.boxes import boxes, photo

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.structures import Photo
from facedet.evaluation.attributes import divide_by_attributes, read_attributes
from facedet.evaluation.divisions import Division

TWO = boxes((0, 0, 50, 50), (100, 100, 50, 50))


def photos() -> list[Photo]:
    return [photo("one/a.png", TWO), photo("two/a.png", TWO), photo("one/b.png", TWO, True, False)]


def divided(file: Path, text: str) -> tuple[list[Division], list[str]]:
    file.write_text(text)
    return divide_by_attributes(read_attributes(file), photos())


def groups(division: Division) -> list[str]:
    return [division.groups[k] for k in division.of_faces]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("head", ["sep=;\r\n", '"sep=;"\n', "SEP=;;;\n", ""])
def test_a_file_as_spreadsheets_write_it(tmp_path: Path, encoding: str, head: str) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(f"{head}file;Größe, Alter;x\r\none/a.png;groß, jung;1\r\n".encode(encoding))
    read = read_attributes(file)
    assert read.columns == ("Größe, Alter", "x")
    assert [(row.name, row.values) for row in read.rows] == [("one/a.png", {"Größe, Alter": "groß, jung", "x": "1"})]
    assert read.rows[0].line == (3 if head else 2)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_about_images_divide_images(tmp_path: Path, separator: str) -> None:
    lines = ["\ufefffile,light,camera", "one/a.png, dim ,cam 1", '"b",bright,', ""]
    (light, camera), notes = divided(tmp_path / "f.csv", "\r\n".join(lines).replace(",", separator))
    assert (light.name, camera.name) == ("attribute light", "attribute camera")
    assert groups(light) == ["dim", "dim", "not given", "not given", "bright"]
    assert groups(camera) == ["cam 1", "cam 1", *["not given"] * 3]
    assert light.of_images is not None
    assert [light.groups[k] for k in light.of_images] == ["dim", "not given", "bright"]
    assert light.rest == "not given"
    assert notes == []


def test_a_row_about_a_face_comes_before_that_about_its_image(tmp_path: Path) -> None:
    text = "image,x,y,width,height,skin,site\none/a.png,,,,,light,north\none/a.png,102,98,50,50,dark,\n"
    (skin, site), _ = divided(tmp_path / "f.csv", text)
    assert groups(skin)[:2] == ["light", "dark"]
    assert skin.of_images is None
    assert groups(site)[:2] == ["north", "north"]


def test_other_images_of_a_dataset_are_named_once(tmp_path: Path) -> None:
    _, notes = divided(tmp_path / "f.csv", "image,light\none/a.png,dim\nc.png,dim\nd.png,dim\n")
    assert notes == [f"{tmp_path / 'f.csv'}: 2 of its 3 rows are about other images than those measured (first: c.png)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first line has the columns none; it needs a file name"),
        ("image\na.png\n", "its first line has the columns image; it needs a file name"),
        ("image,x,y,width,height\nb.png,1,2,3,4\n", "it needs a file name"),
        ("image,light,light\nb.png,1,2\n", "with a name of its own"),
        ("image,light\nb.png,1,2\n", ":2: has 3 columns, but the first line has 2"),
        ("image,light\nc.png,1\n", "no row is about an image of the dataset (its first: c.png)"),
        ("image,light\na.png,1\n", ":2: a.png can be one/a.png or two/a.png; give more of the path"),
        ("image,light\nb.png,1\none/b.png,2\n", ":3: one/b.png is in line 2 already; remove one of them"),
        ("image,x,y,width,height,s\nb.png,0,0,50,x,1\n", ":2: its box is 0, 0, 50, x; give four numbers or none"),
        ("image,x,y,width,height,s\nb.png,0,0,20,20,1\n", ":2: b.png has no face with this box"),
        ("image,x,y,width,height,s\nb.png,nan,0,20,20,1\n", ":2: its box is nan, 0, 20, 20; give four numbers"),
        ("image,x,y,width,height,s\nb.png,0,0,50,50,1\nb.png,1,1,50,50,1\n", ":3: this face of b.png is in line 2"),
        ('image,light\n"b.png,1\n', "not a CSV file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        divided(tmp_path / "f.csv", text)
    assert str(caught.value).startswith(str(tmp_path / "f.csv"))


def test_files_that_are_no_text_and_numbers_as_groups_are_refused(tmp_path: Path) -> None:
    for content in (b"image,light\n\xff,1\n", "image,light\nb.png,1\n".encode("utf-16-le")):
        (tmp_path / "f.csv").write_bytes(content)
        with pytest.raises(UserError, match="it is not UTF-8; save it as UTF-8"):
            read_attributes(tmp_path / "f.csv")
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        read_attributes(tmp_path / "none.csv")
    many = [photo(f"{k}.png", TWO) for k in range(60)]
    (tmp_path / "f.csv").write_text("image,id\n" + "".join(f"{k}.png,{k}\n" for k in range(60)))
    with pytest.raises(UserError, match="its column id has 60 values; group them into 50 or fewer"):
        divide_by_attributes(read_attributes(tmp_path / "f.csv"), many)


@pytest.mark.parametrize("models", [1, 2])
def test_a_wrong_file_is_refused_before_a_model_is_opened(drawn: Path, tmp_path: Path, models: int) -> None:
    (tmp_path / "no_model.onnx").write_text("opening it is another error")
    (tmp_path / "f.csv").write_text("image,light\nother.png,dim\n")
    verb = "evaluate" if models == 1 else "compare"
    arguments = [verb, *[tmp_path / "no_model.onnx"] * models, drawn / "val.json", "--attributes", tmp_path / "f.csv"]
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert (done.exit_code, "no row is about an image of the dataset" in done.output) == (2, True), done.output
    done = CliRunner().invoke(main, [*map(str, arguments), "--resamples", "0"])
    assert (done.exit_code, "--resamples 0 leaves out what it is for" in done.output) == (2, True), done.output
