"""One text, model_card.jinja, as Markdown or as HTML; what is not the text is escaped for the language."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from facedet.common import page
from facedet.common.errors import one_line

_FOLDERS = [Path(__file__).parent, Path(page.__file__).parent]
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")  # at any place in a line


def as_markdown(values: Mapping[str, Any]) -> str:
    """The text in Markdown."""
    environment = _environment(finalize=_escaped)
    environment.filters |= {"span": _span, "fenced": _fenced}
    text = environment.get_template("model_card.jinja").render(blocks="markdown.jinja", **values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def as_html(values: Mapping[str, Any]) -> str:
    """The text as a page of HTML."""
    environment = _environment(finalize=_in_one_line)
    body = Markup(environment.get_template("model_card.jinja").render(blocks="html.jinja", **values))
    return environment.get_template("model_card.html").render(body=body, title=values["name"], about=None)


def _environment(**settings: Any) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDERS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        **settings,
    )


def _escaped(value: Any) -> Markup:
    """Text in which Markdown finds nothing to interpret; what a macro or a filter made is kept."""
    return value if isinstance(value, Markup) else Markup(_SPECIAL.sub(r"\\\1", one_line(str(value))))


def _in_one_line(value: Any) -> Any:
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _span(value: Any) -> Markup:
    """Code within a line."""
    text = one_line(str(value))
    ticks = "`" * (_longest_run(text) + 1)
    space = " " if len(ticks) > 1 else ""
    return Markup(f"{ticks}{space}{text}{space}{ticks}")


def _fenced(lines: list[str]) -> Markup:
    """Lines of code."""
    text = "\n".join(map(one_line, lines))
    fence = "`" * max(3, _longest_run(text) + 1)
    return Markup(f"{fence}sh\n{text}\n{fence}")


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
