"""A task's rows from the sample corpus, the Hub or files: checked, drawn and encoded."""

from xling.data.connection import hub_reachable
from xling.data.corpus import fingerprint, load_corpus, require_data
from xling.data.files import folder_digest
from xling.data.tokens import encode

__all__ = ["encode", "fingerprint", "folder_digest", "hub_reachable", "load_corpus", "require_data"]
