"""A subword tokenizer in XLM-R's format, trained on given texts.

The trainer of the `tokenizers` library iterates over its word counts in an order that differs
between processes, and so do its pieces. Here the vocabulary is counted in a fixed order, and the
library only segments.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from xling.errors import UserError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # the order gives XLM-R's ids
MASK = "<mask>"
LONGEST_PIECE = 16
# Chinese is written without spaces, so a longer piece would be half a sentence.
HAN = re.compile(r"[\u3400-\u9fff]")
LONGEST_HAN_PIECE = 3
ROUNDS = 3
FIRST_CHOICE = 16  # initial candidates per vocabulary entry


def train_tokenizer(texts: Iterable[str], vocab_size: int = 2000) -> PreTrainedTokenizerFast:
    """Train a unigram tokenizer with XLM-R's special token ids and pair format.

    The same texts give the same tokenizer. Every character of the texts is a piece.

    Args:
        vocab_size: upper bound, including the special tokens.

    Raises:
        UserError: the characters alone exceed `vocab_size`.
    """
    counts = _word_counts(texts)
    characters = Counter({character: 1 for word in counts for character in word})
    room = vocab_size - len(SPECIAL) - 1 - len(characters)
    if room < 0:
        raise UserError(
            f"model.tiny.vocabulary={vocab_size} is too small: the texts have "
            f"{len(characters):,} different characters. Write model.tiny.vocabulary="
            f"{vocab_size - room} or more."
        )
    pieces = _most_useful(_substrings(counts), FIRST_CHOICE * room)
    for remaining_rounds in range(ROUNDS - 1, -1, -1):
        used = _used(_unigram(characters | pieces), counts)
        characters = Counter({character: max(used[character], 1) for character in characters})
        # Shrink gradually, so that other pieces can take over what a dropped piece covered.
        longer = {piece: count for piece, count in used.items() if len(piece) > 1}
        pieces = _most_useful(longer, room * (1 + remaining_rounds))
    return _wrap(_unigram(characters | pieces))


def _used(tokenizer: Tokenizer, counts: Mapping[str, int]) -> Counter[str]:
    """Count how often the tokenizer uses each of its pieces for the words."""
    used = Counter[str]()
    encodings = tokenizer.encode_batch(list(counts), add_special_tokens=False)
    for encoding, count in zip(encodings, counts.values(), strict=True):
        for piece in encoding.tokens:
            used[piece] += count
    return used


def _word_counts(texts: Iterable[str]) -> Counter[str]:
    """Count the words in the texts, split as the tokenizer splits them."""
    spaced = Counter(word for text in texts for word in text.split())
    normalizer, pre_tokenizer = _normalizer(), _pre_tokenizer()
    counts = Counter[str]()
    for text, count in spaced.items():
        for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text)):
            counts[word] += count
    return counts


def _substrings(counts: Mapping[str, int]) -> Counter[str]:
    """Count the substrings of two or more characters inside words."""
    substrings = Counter[str]()
    for word, count in counts.items():
        longest = LONGEST_HAN_PIECE if HAN.search(word) else LONGEST_PIECE
        for start in range(len(word)):
            for end in range(start + 2, min(start + longest, len(word)) + 1):
                substrings[word[start:end]] += count
    return substrings


def _most_useful(counts: Mapping[str, int], number: int) -> Counter[str]:
    """Return the pieces that save the most characters."""
    ranked = sorted(counts, key=lambda piece: (-counts[piece] * (len(piece) - 1), piece))
    return Counter({piece: counts[piece] for piece in ranked[:number]})


def _unigram(counts: Mapping[str, int]) -> Tokenizer:
    total = math.log(sum(counts.values()))
    ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
    scored = [(piece, math.log(counts[piece]) - total) for piece in ranked]
    vocabulary = [*((token, 0.0) for token in SPECIAL), *scored, (MASK, 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _normalizer() -> normalizers.Normalizer:
    return normalizers.NFKC()


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """Split at spaces, which become the mark in front of a word, and around punctuation."""
    return pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])


def _wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    tokenizer.add_special_tokens([*SPECIAL, MASK])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", SPECIAL.index("<s>")), ("</s>", SPECIAL.index("</s>"))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token=MASK,
    )
