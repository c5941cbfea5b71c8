"""Formats that are not read are refused by their name, and single annotation files with what to give instead."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import find_file

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset

OTHERS = {
    "faces.tfrecord-00000-of-00010": ("\x08\x01", "a TFRecord"),
    "train.parquet": ("PAR1\x15", "a Parquet file"),
    "set.tar.gz": ("\x1f\x8b\x08", "an archive"),
    "annotations.json.gz": ("\x1f\x8b\x08", "an archive"),
    "wider_face_val.mat": ("MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file"),
    "export.ndjson": ('{"data_row": {"id": "x"}, "projects": {"p": {"labels": [{"annotations": {', "Labelbox"),
    "export.json": ('[{"ID": "x", "DataRow ID": "y", "Labeled Data": "a.jpg", "Label": {"objects": []}}]', "Labelbox"),
    "a.jpg.json": ('{"tags": [], "size": {"height": 80, "width": 100}, "objects": []}', "Supervisely"),
    "meta.json": ('{"classes": [{"title": "face"}], "tags": [], "projectType": "images"}', "Supervisely"),
    "a.json": ('{"version": "2.0", "schema_ref": "x", "item": {"name": "a.jpg"}, "annotations": [', "V7"),
    "labels.json": ('[{"label_hash": "x", "data_title": "a.jpg", "data_units": {}}]', "Encord"),
    "output.manifest": ('{"source-ref": "s3://b/a.jpg", "faces": {"annotations": [], "image_size": []}}', "SageMaker"),
    "tasks.json": ('[{"task_id": "x", "type": "imageannotation", "response": {"annotations": []}}]', "Scale"),
    "set.vott": ('{"name": "x", "lastVisitedAssetId": "y", "assets": {}}', "VoTT"),
    "set.json": ('[{"image": "a.jpg", "annotations": [{"coordinates": {"x": 1, "y": 2}}]}]', "CreateML"),
    "train-annotations-bbox.csv": ("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n", "Open Images"),
    "_annotations.csv": ("filename,width,height,class,xmin,ymin,xmax,ymax\n", "a CSV of boxes"),
    "obj.data": ("classes = 1\ntrain = data/train.txt\n", "Darknet"),
    "train.txt": ("data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n", "Darknet"),
    "000001.txt": ("Face 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n", "KITTI"),
    "gt.txt": ("1,1,912,484,97,109,0,7,1\n", "MOT"),
    "FDDB-fold-01-ellipseList.txt": ("2002/08/11/big/img_591\n1\n123.5 85.5 1.26 269.6 161.7 1\n", "FDDB"),
    "list_bbox_celeba.txt": ("202599\nimage_id x_1 y_1 width height\n000001.jpg 95 71 226 313\n", "CelebA"),
    "label.txt": ("# 0--Parade/0_Parade_a.jpg\n449 330 122 149 488.906 373.643 0.0\n", "RetinaFace"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_format_that_is_not_read_is_named(name: str, tmp_path: Path) -> None:
    text, tool = OTHERS[name]
    for folder in ("set", "deep/train/ann"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text(text)
    for path in (tmp_path / "set" / name, tmp_path / "set", tmp_path / "deep"):
        with pytest.raises(UserError, match=rf"{name}: is .*{tool}.*, which is not read; (export as COCO|give )"):
            read_dataset(DatasetSource(path))


@pytest.mark.parametrize(("format", "pattern"), [("voc", "a.xml"), ("labelme", "a.json"), ("yolo", "a.txt")])
def test_the_annotation_of_one_image_is_no_dataset(format: str, pattern: str, made: Callable) -> None:
    file = find_file(made(format), pattern)
    for given in (None, format):
        with pytest.raises(
            UserError, match=rf"{pattern}: is not a whole dataset of the format {format}; give the folder"
        ):
            read_dataset(DatasetSource(file, format=given))
