"""A tokenizer's files for what is exported: those of Hugging Face, and the same as GGUF has it.

llama.cpp splits text by patterns that it knows by name; a tokenizer with another pattern would get
other ids there, so it is refused. One difference is left: transformers puts characters together (NFC)
where a tokenizer says so, as Qwen's and ours do, and llama.cpp never does. Text in that form, which
nearly all text is, gets the same ids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from myna.errors import InvalidRequest
from myna.train.tokenizer import END, END_TURN, SPLIT, gguf_tokenizer, load_tokenizer

LLAMA3 = SPLIT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""llama.cpp's types of tokens."""
ENDS = (END_TURN, END, "</s>", "<|end_of_text|>", "<|eot_id|>", "<eos>")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All that a server must know to turn text into ids and back."""

    tokens: tuple[str, ...]
    kinds: tuple[int, ...]
    merges: tuple[str, ...]
    split: str
    """llama.cpp's name of the pattern."""
    bos: int | None
    eos: int | None
    pad: int | None
    adds_bos: bool
    ends: tuple[int, ...]
    """After each of these nothing more is generated."""
    template: str
    """Of a chat, in Jinja; empty: there is none, and it is no chat model."""
    files: dict[str, bytes]
    """What transformers and vLLM read: ``tokenizer.json`` and its company."""

    def padded(self, rows: int) -> Vocabulary:
        """With tokens that nobody uses, up to the model's rows.

        Raises:
            InvalidRequest: the model has fewer rows than there are tokens.
        """
        more = rows - len(self.tokens)
        if more < 0:
            raise InvalidRequest(
                f"The tokenizer has {len(self.tokens):,} tokens and the model {rows:,}: give the "
                "tokenizer that it was trained with (--tokenizer)."
            )
        pads = tuple(f"[PAD{number}]" for number in range(len(self.tokens), rows))
        return replace(self, tokens=self.tokens + pads, kinds=self.kinds + (UNUSED,) * more)


def read_vocabulary(path: Path) -> Vocabulary:
    """The tokenizer of a folder (or of its ``tokenizer.json``), or of a GGUF file.

    Raises:
        NotFound: none is there.
        InvalidRequest: llama.cpp cannot split text as it does.
    """
    if path.suffix == ".gguf":
        made, told = read_gguf(path)
    else:
        made, _ = load_tokenizer(path)
        told = _settings(path if path.is_dir() else path.parent)
    content = json.loads(made.to_str())
    model = content["model"]
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise InvalidRequest(f"{path} is no byte-level BPE: this tokenizer cannot be exported.")
    special = {one["id"]: bool(one["special"]) for one in content["added_tokens"]}
    tokens = _in_order(made, path)
    bos = _id(made, told.get("bos_token"))
    return Vocabulary(
        tokens=tokens,
        kinds=tuple(
            NORMAL if number not in special else CONTROL if special[number] else USER_DEFINED
            for number in range(len(tokens))
        ),
        merges=tuple(
            merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]
        ),
        split=_split(content, path),
        bos=bos,
        eos=_id(made, told.get("eos_token")),
        pad=_id(made, told.get("pad_token")),
        adds_bos=bos is not None and made.encode("a").ids[0] == bos,
        ends=tuple(number for name in ENDS if (number := made.token_to_id(name)) is not None),
        template=str(told.get("chat_template") or ""),
        files={
            "tokenizer.json": made.to_str(pretty=True).encode(),
            "tokenizer_config.json": json.dumps(
                {name: value for name, value in told.items() if name != "chat_template"}, indent=2
            ).encode(),
        }
        | ({"chat_template.jinja": told["chat_template"].encode()} if told.get("chat_template") else {}),
    )  # fmt: skip


def _settings(folder: Path) -> dict[str, Any]:
    """What stands beside ``tokenizer.json``; the chat template in a file of its own wins."""
    told: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    try:
        if (file := folder / "tokenizer_config.json").is_file():
            told = json.loads(file.read_text())
    except ValueError as error:
        raise InvalidRequest(
            f"{folder / 'tokenizer_config.json'} cannot be read ({error})."
        ) from None
    if (file := folder / "chat_template.jinja").is_file():
        told["chat_template"] = file.read_text()
    template: Any = told.get("chat_template")
    if isinstance(template, list):
        told["chat_template"] = {one["name"]: one["template"] for one in template}.get("default")
    return told


def read_gguf(path: Path) -> tuple[Tokenizer, dict[str, Any]]:
    """A GGUF's tokenizer as Hugging Face has it, its special tokens among them: what its
    ``tokenizer.json`` and ``tokenizer_config.json`` would hold."""
    from gguf import GGUFReader
    from tokenizers import AddedToken

    made = gguf_tokenizer(path)
    fields = {name: one for name, one in GGUFReader(path).fields.items() if "tokenizer." in name}

    def told(name: str) -> Any:
        return fields[name].contents() if name in fields else None

    tokens, kinds = told("tokenizer.ggml.tokens"), told("tokenizer.ggml.token_type") or []
    control = [token for token, kind in zip(tokens, kinds, strict=False) if kind == CONTROL]
    made.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in control]
    )
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "chat_template": told("tokenizer.chat_template") or "",
    }
    for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        if (number := told(f"tokenizer.ggml.{key}_token_id")) is not None:
            settings[f"{name}_token"] = tokens[number]
    return made, settings


def _in_order(made: Tokenizer, path: Path) -> tuple[str, ...]:
    by_id = {number: token for token, number in made.get_vocab(with_added_tokens=True).items()}
    if sorted(by_id) != list(range(len(by_id))):
        raise InvalidRequest(f"{path}: the tokens' numbers have gaps, which GGUF cannot hold.")
    return tuple(by_id[number] for number in range(len(by_id)))


def _id(made: Tokenizer, token: Any) -> int | None:
    name = token.get("content") if isinstance(token, dict) else token
    return made.token_to_id(name) if name else None


def _split(content: dict[str, Any], path: Path) -> str:
    """llama.cpp's name of how a tokenizer splits text."""
    before = content.get("pre_tokenizer") or {}
    steps = before.get("pretokenizers", [before])
    kinds = [step.get("type") for step in steps]
    patterns = [step["pattern"].get("Regex") for step in steps if step.get("type") == "Split"]
    normalizer = (content.get("normalizer") or {}).get("type")
    if normalizer not in {None, "NFC"} or kinds[-1:] != ["ByteLevel"]:
        raise InvalidRequest(f"{path}: llama.cpp has no tokenizer that reads text as this one.")
    plain = not steps[-1].get("add_prefix_space", True)
    words = plain and steps[-1].get("use_regex", True)
    plain = plain and not words
    digits = [step for step in steps if step.get("type") == "Digits"]
    if patterns == [SPLIT] and len(steps) == 2 and plain:
        return "qwen2"
    if patterns == [LLAMA3] and len(steps) == 2 and plain:
        return "llama-bpe"
    if len(steps) == 2 and digits and digits[0]["individual_digits"] and words:
        return "smollm"
    if len(steps) == 1 and words:
        return "gpt-2"
    raise InvalidRequest(
        f"{path}: llama.cpp has no name for how this tokenizer splits text. Known are those of "
        "Qwen2, Llama 3, SmolLM and GPT-2."
    )
