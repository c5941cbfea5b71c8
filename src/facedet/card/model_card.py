"""Write the card of a model from what its file and the reports about it state. ONNX files and IRs need no torch."""

import datetime
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from facedet.card import figures
from facedet.card.figures import NOT_STATED
from facedet.card.render import as_html, as_markdown
from facedet.card.reports import Reports, check_report, read_report
from facedet.common.errors import UserError, one_line
from facedet.common.files import write_text
from facedet.common.report_facts import digests
from facedet.inference.info import Info, describe
from facedet.weights.names import PREFIX, check_file
from facedet.weights.training_record import Ancestor

_TAGS = {"checkpoint": "pytorch", "ONNX": "onnx", "IR": "openvino"}
_TASK = {"type": "object-detection", "name": "Face detection"}
_COMMANDS = ("training", "quantization", "parity", "evaluation")  # in the order of the work


def write_card(
    model: Path, target: Path, reports: Mapping[str, Path | None] | None = None, config: str | Path | None = None
) -> None:
    """Write the card of a checkpoint, an ONNX file or an IR. Raises UserError.

    target: its suffix says what is written, Markdown (.md) or a page (.html). reports: the JSON files of `evaluation`,
    `parity`, `quantization` and `training`. config: of a checkpoint, as for `load_network`.
    """
    if target.suffix not in (".md", ".html"):
        raise UserError(f"{target}: not the name of a card; give one that ends in .md or .html")
    check_file(model)
    given = {kind: read_report(path, kind) for kind, path in (reports or {}).items() if path}
    info = describe(model, config)
    own = digests(model)
    for kind, content in given.items():
        path, checkpoint = (reports or {})[kind], info.origin.get("checkpoint_sha256", "")
        check_report(content, Path(str(path)), kind, model, own, checkpoint)
    quoted = Reports(**given)
    values = _values(info, own, quoted)
    if target.suffix == ".html":
        write_text(target, as_html(values))
    else:
        header = yaml.safe_dump(_header(info, quoted), sort_keys=False, allow_unicode=True)
        write_text(target, f"---\n{header}---\n\n{as_markdown(values)}")


def _values(info: Info, own: Mapping[str, str], reports: Reports) -> dict[str, Any]:
    """What model_card.jinja shows."""
    evaluation, quantization, record = reports.evaluation, reports.quantization, info.training
    thresholds = figures.threshold_rows(evaluation)
    reasons = quantization.get("reasons")
    return {
        "name": Path(info.path).stem,
        "file": Path(info.path).name,
        "kind": info.kind,
        "config": info.origin.get("config", NOT_STATED),
        "size": f"{info.input_size}x{info.input_size}",
        "model_rows": _model_rows(info, own),
        "threshold": info.threshold,
        "lineage": [(each.weights, each.sha256, _licence(each)) for each in record.lineage] if record else [],
        "training_rows": _training_rows(info, reports),
        "data_rows": _data_rows(info, reports),
        "measured_on": figures.dataset_rows(evaluation),
        "metrics": figures.metric_rows(evaluation),
        "heights": figures.height_rows(evaluation),
        "slices": figures.slice_rows(evaluation),
        "thresholds": thresholds,
        "parity": figures.parity_rows(reports.parity),
        "variants": figures.variant_rows(quantization),
        "int8_reasons": "; ".join(map(str, reasons)) if isinstance(reasons, list) else "",
        "max_drop": quantization.get("max_drop", NOT_STATED),
        "command_lines": _commands(reports),
        "versions": _versions(info, reports),
    }


def _model_rows(info: Info, own: Mapping[str, str]) -> Sequence[figures.Row]:
    stored = "constants" if info.interface else "parameters"
    rows = [(f"SHA-256 of {name}", digest) for name, digest in own.items()]
    rows += [(stored, f"{info.parameters:,}"), ("GFLOPs for an image", f"{info.gflops:.1f}")]
    rows += [(kind, port) for kind, _, port in (line.partition(" ") for line in info.interface)]
    return [*rows, *((name, value) for name, value in info.origin.items() if name in ("folded", "variant", "preset"))]


def _licence(ancestor: Ancestor) -> str:
    """What the files say about the licence of the data behind weights; their name may tell which data that is."""
    if ancestor.weights.startswith("random"):
        return "none: random weights"
    if PREFIX in ancestor.weights:
        return f"ImageNet; its licence is {NOT_STATED}"
    return figures.licence(ancestor.licence)


def _training_rows(info: Info, reports: Reports) -> Sequence[figures.Row]:
    """The recipe and the result of the training."""
    record, summary = info.training, reports.training
    rows: dict[str, Any] = {}
    if record and record.epoch is not None:
        stated = {"config": record.config, "recipe": record.recipe, "written": record.date, "version": record.version}
        rows |= {name: value for name, value in stated.items() if value}
        rows |= {"epoch": record.progress, "images in a step": record.images_per_step}
        rows |= {"seed": record.seed, "AP on the validation images": figures.percent(record.ap)}
    for name in ("device", "precision", "iterations", "seconds"):
        if name in summary:
            rows[name.replace("_", " ")] = summary[name]
    warnings = summary.get("warnings")
    rows |= {"warnings": "; ".join(map(str, warnings))} if isinstance(warnings, list) and warnings else {}
    return [(name, NOT_STATED if value is None else str(value)) for name, value in rows.items()]


def _data_rows(info: Info, reports: Reports) -> Sequence[figures.Row]:
    """Role, name, images, faces, fingerprint and licence of what was trained and validated on."""
    record = info.training
    used = {"training": record.train, "validation": record.val} if record else {}
    rows: list[figures.Row] = []
    for role, each in used.items():
        if each:
            counts = map(figures.count, (each.images, each.faces))
            rows.append((role, each.name or NOT_STATED, *counts, each.digest, figures.licence(each.licence)))
    return rows or [(row[0], row[1], *row[3:]) for row in figures.dataset_rows(reports.training)]


def _commands(reports: Reports) -> list[str]:
    """The command line of each report, if there was one."""
    stated = [_about(reports.given[kind]).get("command") for kind in _COMMANDS if kind in reports.given]
    return [one_line(each) for each in stated if isinstance(each, str) and "facedet" in each]


def _versions(info: Info, reports: Reports) -> Sequence[figures.Row]:
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    rows = [("this card", now, f"face-detection-0206 {version('face-detection-0206')}")]
    if info.interface:
        made = info.origin.get("version")
        rows.append(
            ("export", info.origin.get("date", NOT_STATED), f"face-detection-0206 {made}" if made else NOT_STATED)
        )
    for kind, content in reports.given.items():
        about = _about(content)
        packages = about.get("versions")
        listed = [f"{name} {each}" for name, each in packages.items()] if isinstance(packages, dict) else []
        rows.append((kind, str(about.get("date") or NOT_STATED), ", ".join(listed) or NOT_STATED))
    return rows


def _about(report: Mapping[str, Any]) -> dict[str, Any]:
    about = report.get("about")
    return about if isinstance(about, dict) else {}


def _header(info: Info, reports: Reports) -> dict[str, Any]:
    """The metadata of a Hugging Face model card. No licence: no file states one for the weights."""
    header: dict[str, Any] = {"pipeline_tag": _TASK["type"], "tags": ["face-detection", _TAGS[info.kind]]}
    sets, coco = figures.dataset_rows(reports.evaluation), reports.evaluation.get("coco")
    if not sets or not isinstance(coco, dict):
        return header
    values = {name: value for name, value in coco.items() if type(value) in (int, float)}
    metrics = [{"type": name, "value": round(value, 4), "name": f"COCO {name}"} for name, value in values.items()]
    dataset = {"type": sets[0][1], "name": sets[0][1], "args": {"fingerprint": sets[0][5]}}
    result = {"task": _TASK, "dataset": _plain(dataset), "metrics": metrics}
    return {**header, "model-index": [{"name": one_line(Path(info.path).stem), "results": [result]}]}


def _plain(node: Any) -> Any:
    """Texts without control characters, at any depth."""
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items()}
    return one_line(node) if isinstance(node, str) else node
