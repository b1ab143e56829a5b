"""A tokenizer of the network's own: byte-level BPE with Qwen2's split pattern.

The pattern is one that transformers, llama.cpp (``qwen2``) and vLLM know, so the same ids come out
everywhere. All 256 bytes are in the vocabulary: no text is without tokens.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer

from myna.errors import InvalidRequest, NotFound
from myna.train.shards import replace_file

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen2's, character by character: llama.cpp has it built in."""
END, BEGIN_TURN, END_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (END, BEGIN_TURN, END_TURN)
LEAST_VOCABULARY = 256 + len(SPECIAL)

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML, as Qwen and SmolLM have it."""


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A tokenizer of ``vocabulary`` tokens, the special ones among them. The same texts give the
    same one.

    Raises:
        InvalidRequest: the vocabulary has no place for all bytes and special tokens.
    """
    if vocabulary < LEAST_VOCABULARY:
        raise InvalidRequest(f"--size: give at least {LEAST_VOCABULARY} tokens.")
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def save_tokenizer(made: Tokenizer, folder: Path) -> None:
    """Write the files that transformers and vLLM load: ``tokenizer.json`` and its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "additional_special_tokens": [BEGIN_TURN, END_TURN],
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "model_max_length": 32_768,
        "chat_template": CHAT,
    }
    replace_file(folder / "tokenizer_config.json", json.dumps(told, indent=2).encode())
    replace_file(folder / "tokenizer.json", made.to_str(pretty=True).encode())


def copy_tokenizer(path: Path, folder: Path) -> None:
    """Copy a tokenizer's files into another folder, so that its contents can be read by themselves."""
    source = path if path.is_dir() else path.parent
    replace_file(folder / "tokenizer.json", tokenizer_file(path).read_bytes())
    if (told := source / "tokenizer_config.json").is_file():
        replace_file(folder / told.name, told.read_bytes())


def tokenizer_file(path: Path) -> Path:
    """``tokenizer.json`` of a folder, or the file that was given itself."""
    return path / "tokenizer.json" if path.is_dir() else path


def load_tokenizer(path: Path) -> tuple[Tokenizer, str]:
    """A tokenizer of a folder or of its ``tokenizer.json``, and the file's SHA-256.

    Raises:
        NotFound: none is there.
        InvalidRequest: the file is not one.
    """
    file = tokenizer_file(path)
    try:
        content = file.read_bytes()
    except OSError:
        raise NotFound(
            f"No tokenizer is at {path}. Make one with `myna train tokenizer`."
        ) from None
    try:
        made = Tokenizer.from_str(content.decode())
    except Exception as error:  # the library raises nothing narrower
        raise InvalidRequest(f"{file} is not a tokenizer of Hugging Face ({error}).") from error
    return made, hashlib.sha256(content).hexdigest()


def end_of(made: Tokenizer) -> int:
    """The token that ends a document.

    Raises:
        InvalidRequest: the tokenizer has none of the usual ones.
    """
    for name in (END, "</s>", "<|end_of_text|>", "<eos>"):
        if (number := made.token_to_id(name)) is not None:
            return number
    raise InvalidRequest(f"The tokenizer has no token {END}.")


def gguf_tokenizer(path: Path) -> Tokenizer:
    """The byte-level BPE in a GGUF file, to compare with. Its split pattern is Qwen2's or, where
    the file says ``smollm`` or ``gpt-2``, these models' own.

    Raises:
        InvalidRequest: the file has no byte-level BPE.
    """
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    told = {
        name: fields[key].contents()
        for name in ("model", "pre", "tokens", "merges")
        if (key := f"tokenizer.ggml.{name}") in fields
    }
    if told.get("model") != "gpt2":
        raise InvalidRequest(f"{path} has no byte-level BPE to compare with.")
    vocabulary = {token: number for number, token in enumerate(told["tokens"])}
    merges = [tuple(merge.split(" ", 1)) for merge in told["merges"]]
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    first: list[pre_tokenizers.PreTokenizer] = (
        [pre_tokenizers.Split(Regex(SPLIT), "isolated")] if told.get("pre") == "qwen2" else []
    )
    if told.get("pre") == "smollm":
        first = [pre_tokenizers.Digits(individual_digits=True)]
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [*first, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=told["pre"] != "qwen2")]
    )
    made.decoder = decoders.ByteLevel()
    return made


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a tokenizer fits texts of a language."""

    lang: str
    bytes_per_token: float
    fertility: float
    """Tokens a word; in a script without blanks, a character."""
    bits_per_byte: float
    """Of the tokens' own frequencies in these texts: what a model of single tokens would need."""


def fit(made: Tokenizer, texts: Mapping[str, list[str]]) -> Iterator[Fit]:
    """Figures of each language's texts."""
    for lang, written in texts.items():
        counts: dict[int, int] = {}
        for encoded in made.encode_batch(written, add_special_tokens=False):
            for number in encoded.ids:
                counts[number] = counts.get(number, 0) + 1
        tokens, size = sum(counts.values()), sum(len(text.encode()) for text in written)
        if not tokens:
            continue
        unspaced = lang in {"ja", "zh", "th", "my", "km", "lo"}
        words = sum(len(text) if unspaced else len(text.split()) for text in written)
        bits = -sum(count * math.log2(count / tokens) for count in counts.values())
        yield Fit(lang, size / tokens, tokens / words, bits / size)
