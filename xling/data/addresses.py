"""Addresses of pages of the Hugging Face Hub, pasted where an id is expected."""

import dataclasses
import re
from urllib.parse import unquote

from xling.errors import UserError

PAGE = re.compile(
    r"(?:(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/|hf://)"
    r"(?P<data>datasets/)?(?P<name>[\w-][\w.-]*(?:/(?!(?:tree|blob|resolve|raw)/)[\w-][\w.-]*)?)"
    r"(?:/(?:tree|blob|resolve|raw)/(?P<branch>[^/?#]+)|@(?P<at>[\w.-]+))?(?:[/?#].*)?"
)


@dataclasses.dataclass(frozen=True)
class Page:
    """What the address of a page names.

    Attributes:
        name: id of the repository.
        revision: its branch, tag or commit; None: the address names none, or the usual one.
        is_data: whether it is a data set; otherwise it is a model.
    """

    name: str
    revision: str | None
    is_data: bool


def page_at(address: str) -> Page | None:
    """Return what an address names; None if it is not one of the hub's."""
    matched = PAGE.fullmatch(address)
    if matched is None:
        return None
    revision = unquote(matched["branch"] or matched["at"] or "main")
    return Page(matched["name"], None if revision == "main" else revision, bool(matched["data"]))


def refuse_page(path: str) -> None:
    """Refuse the address of a page as `data.path`.

    Raises:
        UserError: it is one; the message has the id.
    """
    if page := page_at(path):
        pin = f"@{page.revision}" if page.revision else ""
        raise UserError(
            f"data.path={path}: that is the address of a page, where the id of a data set is "
            f"expected. Write data=hub data.path={page.name}{pin}"
            if page.is_data
            else f"data.path={path}: that is the address of a model. Name a data set, "
            "data=hub data.path=OWNER/NAME."
        )
