"""The tokenizer gives the same ids in transformers and, for GGUF files, as llama.cpp does."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.errors import InvalidRequest, NotFound
from myna.train.tokenizer import (
    END,
    end_of,
    fit,
    gguf_tokenizer,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)

TEXTS = [
    "Don't print 1234 pages, it's 12:30!\n\n  New line",
    "Der Drucker läuft wieder: Größe 5",
    "今日は公園で桜を見ました 🌸",
    "x = foo(bar)[1] != None  # tabs\tand\r\nmore",
]


def test_the_same_texts_give_the_same_tokenizer_and_all_bytes_come_back(tmp_path: Path) -> None:
    made = train_tokenizer(TEXTS, 350)
    assert made.to_str() == train_tokenizer(TEXTS, 350).to_str()
    assert made.get_vocab_size() == 350
    assert made.token_to_id(END) == end_of(made) == 0
    for text in [*TEXTS, "\x00\x7f ünïcödé \U0010ffff"]:
        assert made.decode(made.encode(text).ids) == text
    save_tokenizer(made, tmp_path)
    again, digest = load_tokenizer(tmp_path)
    assert again.encode(TEXTS[0]).ids == made.encode(TEXTS[0]).ids
    assert len(digest) == 64


def test_transformers_loads_it_unchanged(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    made = train_tokenizer(TEXTS, 350)
    save_tokenizer(made, tmp_path)
    loaded = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    for text in TEXTS:
        assert loaded(text)["input_ids"] == made.encode(text).ids
    said = [{"role": "user", "content": "Hello"}]
    told = loaded.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert told == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert loaded.eos_token == END


def test_figures_are_of_bytes_and_words() -> None:
    made = train_tokenizer(["aaaa bbbb"], 259)
    (one,) = fit(made, {"en": ["aaaa bbbb"]})
    assert one.bytes_per_token == 1.0
    assert one.fertility == 4.5


@pytest.mark.model
def test_the_bundled_models_tokenizer_is_read(model_home: Path) -> None:
    made = gguf_tokenizer(next((model_home / "models").glob("*.gguf")))
    assert made.decode(made.encode(TEXTS[1]).ids) == TEXTS[1]
    assert made.get_vocab_size() > 40_000


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--size"):
        train_tokenizer(TEXTS, 100)
    with pytest.raises(NotFound, match="myna train tokenizer"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InvalidRequest, match="not a tokenizer"):
        load_tokenizer(tmp_path)
