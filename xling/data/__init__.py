"""A task's rows from the sample corpus, the Hub or files: checked, drawn and encoded."""

from xling.data.connection import hub_reachable
from xling.data.corpus import (
    fetch_data,
    fingerprint,
    load_corpus,
    require_data,
    vocabulary_run,
)
from xling.data.files import folder_digest
from xling.data.tokens import encode

__all__ = [
    "encode",
    "fetch_data",
    "fingerprint",
    "folder_digest",
    "hub_reachable",
    "load_corpus",
    "require_data",
    "vocabulary_run",
]
