"""The templates of the pages, and the scripts that a page brings with it."""

import base64
import json
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import altair as alt
import jinja2
import vl_convert

from xling.report import words
from xling.report.style import DARK


@cache
def vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script.

    Putting it together takes seconds, so it is kept in the user's cache folder, where there is one.
    """
    name = f"vega-{alt.SCHEMA_VERSION}-{version('vl-convert-python')}.js"
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    kept = Path(caches) / "xling" / name
    with suppress(OSError):
        return kept.read_text("utf-8")
    script = vl_convert.javascript_bundle(vl_version=alt.SCHEMA_VERSION.removeprefix("v")[:3])
    part = kept.with_name(f".{name}.{os.getpid()}.part")
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(script, "utf-8")
        part.replace(kept)
    return script


@cache
def datatables() -> str:
    """DataTables as itables packs it: a JavaScript module, in base64."""
    return base64.b64encode((files("itables") / "html" / "dt_bundle.js").read_bytes()).decode()


@cache
def templates() -> jinja2.Environment:
    """Return the pages' templates, with the filters that they use."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xling.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": words.percent,
        "number": words.number,
        "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    }
    # As small as can be; Jinja still escapes what would end a script.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.globals |= {
        "interval": words.interval,
        "change_interval": words.change_interval,
        "points": words.points,
        "p_value": words.p_value,
        "dark": DARK,
    }
    return environment
