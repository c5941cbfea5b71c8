"""Damages model files: bytes of any file, or the structure of ONNX files, IRs, checkpoints: many still parse."""

import random
import shutil
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

SIZES = [-(2**63), -1, 0, 1, 2, 3, 7, 63, 65, 4096, 2**31, 2**62]
NUMBERS = [
    "",
    "-1",
    "0",
    "1",
    "2",
    "3",
    "1,1",
    "0,0",
    "7,7,7",
    "1e308",
    "nan",
    "-1,-1",
    "99999999999999999999",
    "x",
    "?",
]
VALUES = [float("nan"), float("inf"), -float("inf"), 0.0, 1e30, -1.0]


def damage_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bytes flipped, cut, inserted, repeated or swapped. The first and last hundred are hit as often as all others."""
    data, way, size = bytearray(content), rng.randrange(6), len(content)
    where = rng.choice([rng.randrange(size), rng.randrange(min(100, size)), size - 1 - rng.randrange(min(100, size))])
    length = rng.choice([1, 2, 8, 100, 5000])
    if way == 0:
        for _ in range(rng.choice([1, 3, 30])):
            data[rng.randrange(size)] ^= 1 << rng.randrange(8)
    elif way == 1:
        del data[where:]
    elif way == 2:
        del data[where : where + length]
    elif way == 3:
        data[where:where] = rng.randbytes(length)
    elif way == 4:
        data[where : where + length] = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    else:
        other = rng.randrange(size)
        data[where : where + length], data[other : other + length] = (
            data[other : other + length], data[where : where + length],
        )  # fmt: skip
    return bytes(data)


def damage_onnx(rng: random.Random, source: Path, target: Path) -> None:
    """One or two fields of an ONNX file lost or foreign: attributes, shapes, types, names, values, order."""
    model = onnx.load(source)
    for _ in range(rng.choice([1, 1, 2])):
        rng.choice(_ONNX)(rng, model)
    target.write_bytes(model.SerializeToString())


def _attribute(rng: random.Random, model: onnx.ModelProto) -> None:
    attribute = rng.choice([each for node in model.graph.node for each in node.attribute])
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(SIZES)
    elif attribute.type == onnx.AttributeProto.INT:
        attribute.i = rng.choice(SIZES)
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = rng.choice(VALUES)
    elif attribute.type == onnx.AttributeProto.TENSOR:
        _tensor_field(rng, attribute.t)
    else:
        attribute.s = rng.choice([b"", b"\xff", b"linear", b"SAME_UPPER", b"x" * 300])


def _initializer(rng: random.Random, model: onnx.ModelProto) -> None:
    _tensor_field(rng, rng.choice(model.graph.initializer))


def _tensor_field(rng: random.Random, tensor: onnx.TensorProto) -> None:
    way = rng.randrange(5)
    if way == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(SIZES)
    elif way == 1:
        tensor.data_type = rng.randrange(0, 25)
    elif way == 2:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif way == 3:
        values = numpy_helper.to_array(tensor).copy()
        if values.size and values.dtype == np.float32:
            values.flat[rng.randrange(values.size)] = rng.choice(VALUES)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    else:
        outside = rng.choice(["../../etc/passwd", "/etc/passwd", "/dev/zero", "gone.bin", "", "."])
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {
            "location": outside,
            "offset": "0",
            "length": rng.choice(["4", "-1", "1000000000000"]),
        }.items():
            tensor.external_data.add(key=key, value=value)


def _rename(rng: random.Random, model: onnx.ModelProto) -> None:
    node = rng.choice(model.graph.node)
    names = [name for each in model.graph.node for name in each.output]
    side = rng.choice([node.input, node.output])
    if side:
        side[rng.randrange(len(side))] = rng.choice([*names, "", "gone"])


def _type(rng: random.Random, model: onnx.ModelProto) -> None:
    node = rng.choice(model.graph.node)
    node.op_type = rng.choice(
        ["Conv", "Loop", "If", "Relu", "Reshape", "Gather", "evil", "", "Resize", "TopK", "Concat"]
    )
    if rng.random() < 0.3:
        node.domain = rng.choice(["evil", "com.microsoft", "ai.onnx.ml"])


def _remove(rng: random.Random, model: onnx.ModelProto) -> None:
    part = rng.choice([model.graph.node, model.graph.initializer, model.graph.output, model.graph.input])
    del part[rng.randrange(len(part))]


def _swap(rng: random.Random, model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)
    rng.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _port(rng: random.Random, model: onnx.ModelProto) -> None:
    port = rng.choice([*model.graph.input, *model.graph.output])
    way = rng.randrange(3)
    if way == 0:
        port.name = rng.choice(["boxes", "labels", "image", "", "\x1b[31m"])
    elif way == 1:
        port.type.tensor_type.elem_type = rng.randrange(0, 25)
    else:
        rng.choice(port.type.tensor_type.shape.dim).dim_value = rng.choice(SIZES)


def _opset(rng: random.Random, model: onnx.ModelProto) -> None:
    way = rng.randrange(3)
    if way == 0:
        model.ir_version = rng.choice([0, 1, 3, 99, 2**62])
    elif way == 1:
        model.opset_import[0].version = rng.choice(SIZES)
    else:
        model.opset_import[0].domain = rng.choice(["evil", "com.microsoft", ""])


_ONNX = [_attribute, _attribute, _initializer, _rename, _type, _remove, _swap, _port, _opset]


def damage_xml(rng: random.Random, source: Path, target: Path) -> None:
    """One or two attributes, elements or texts of an IR's graph lost or foreign."""
    tree = ET.parse(source)
    for _ in range(rng.choice([1, 1, 2])):
        parents = [each for each in tree.iter() if len(each)]
        parent = rng.choice(parents)
        element, way = rng.choice(list(parent)), rng.randrange(6)
        if way == 0:
            parent.remove(element)
        elif way == 1:
            parent.append(element)
        elif way == 2 and element.text and element.text.strip():
            element.text = rng.choice(NUMBERS)
        else:
            with_values = [each for each in tree.iter() if each.attrib]
            element = rng.choice(with_values)
            key = rng.choice(list(element.attrib))
            others = [each.attrib[key] for each in with_values if key in each.attrib]
            element.attrib[key] = rng.choice([rng.choice(NUMBERS), rng.choice(others)])
    tree.write(target, encoding="utf-8", xml_declaration=True)


def damage_zip(rng: random.Random, source: Path, target: Path) -> None:
    """A part of a checkpoint lost, damaged, renamed, or written twice; the archive itself is sound."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        parts = {each.filename: old.read(each) for each in old.infolist()}
        hit, way = (
            rng.choice([rng.choice(list(parts)), next(name for name in parts if name.endswith("data.pkl"))]),
            rng.randrange(4),
        )
        for name, content in parts.items():
            if name != hit:
                new.writestr(name, content)
            elif way == 1:
                new.writestr(name, damage_bytes(rng, content) if content else b"x")
            elif way == 2:
                new.writestr(rng.choice([f"../{name}", name.upper(), "x" * 300]), content)
            elif way == 3:
                new.writestr(name, content * 2)


def rewrite_onnx(rng: random.Random, source: Path, target: Path) -> None:
    """What a program may change without changing the function: names of operations, order of constants, metadata."""
    model = onnx.load(source)
    tensors = list(model.graph.initializer)
    rng.shuffle(tensors)
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    for node in rng.sample(list(model.graph.node), 5):
        node.name = f"{node.name}-{rng.random()}"
    model.doc_string, model.producer_name = rng.choice(["", "x" * 1000]), rng.choice(["evil", "\x1b[31m"])
    model.metadata_props.add(key=rng.choice(["facedet_new", "mine"]), value="\n")
    target.write_bytes(model.SerializeToString())


def rewrite_xml(rng: random.Random, source: Path, target: Path) -> None:
    """The same for an IR: names of layers, order of attributes, additional facts, spaces."""
    tree = ET.parse(source)
    layers = [each for each in tree.iter("layer") if each.get("type") not in ("Parameter", "Result")]
    for layer in rng.sample(layers, 5):
        layer.set("name", f"{layer.get('name')}-{rng.random()}")
    facts = tree.find("rt_info")
    assert facts is not None
    ET.SubElement(facts, rng.choice(["mine", "evil"])).set("value", rng.choice(["", "\x85", "x" * 1000]))
    ET.indent(tree, rng.choice(["", " ", "\t"]))
    tree.write(target, encoding=rng.choice(["utf-8", "us-ascii"]), xml_declaration=True)


def rewrite_zip(rng: random.Random, source: Path, target: Path) -> None:
    """The same for a checkpoint: order of the parts, one more, dates."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        parts = old.infolist()
        rng.shuffle(parts)
        for part in parts:
            new.writestr(part.filename, old.read(part))
        if rng.random() < 0.5:
            new.writestr(f"{parts[0].filename.partition('/')[0]}/notes", rng.randbytes(100))


_REWRITE = {".pth": rewrite_zip, ".onnx": rewrite_onnx, ".xml": rewrite_xml}
_STRUCTURE = {".pth": damage_zip, ".onnx": damage_onnx, ".xml": damage_xml}


def damaged(rng: random.Random, source: Path, folder: Path) -> tuple[Path, str]:
    """A changed copy of a model, and what may become of it: `same`, `refused or same`, `refused or changed`."""
    target, is_ir, way = folder / source.name, source.suffix == ".xml", rng.random()
    if is_ir:
        shutil.copy(source.with_suffix(".bin"), folder)
    if way < 0.4:
        _REWRITE[source.suffix](rng, source, target)
        return target, "same"
    if way < 0.7:
        _STRUCTURE[source.suffix](rng, source, target)
        return target, "refused or changed"
    shutil.copy(source, target)
    hit = target.with_suffix(".bin") if is_ir and rng.random() < 0.4 else target
    hit.write_bytes(damage_bytes(rng, hit.read_bytes()))
    return target, "refused or same"
