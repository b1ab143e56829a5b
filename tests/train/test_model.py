"""Our transformer beside transformers', and weights from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from myna.errors import InvalidRequest, NotFound
from myna.models.files import model_path
from myna.models.registry import DEFAULT, find_model
from myna.settings import Settings
from myna.train.model import Config, Transformer
from myna.train.scale import scale_for
from myna.train.weights import load_model, swapped
from tests.train.llama_server import LlamaServer

SMALL = Config(320, 64, 192, 3, 4, 2, 32)
PLAIN = Config(320, 64, 192, 3, 4, 2, 32, qk_norm=False, tie_word_embeddings=False)


def theirs(config: Config) -> Qwen3ForCausalLM | LlamaForCausalLM:
    torch.manual_seed(3)
    if config.qk_norm:
        return Qwen3ForCausalLM(Qwen3Config(**config.as_json())).eval()
    return LlamaForCausalLM(LlamaConfig(**config.as_json())).eval()


@pytest.mark.parametrize("config", [SMALL, PLAIN], ids=["qwen3", "llama"])
def test_a_checkpoint_of_transformers_gives_the_same_logits(config: Config, tmp_path: Path) -> None:
    model = theirs(config)
    model.save_pretrained(tmp_path)
    ours = load_model(tmp_path)
    tokens = torch.randint(0, config.vocab_size, (2, 33))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), model(tokens).logits, atol=1e-5, rtol=1e-5)
    assert ours.config.as_json() == Config.from_json(model.config.to_dict()).as_json()


def test_documents_of_a_row_do_not_see_each_other() -> None:
    model = Transformer(SMALL)
    model.start(1)
    one, other = torch.randint(0, 320, (1, 9)), torch.randint(0, 320, (1, 14))
    row = torch.cat((one, other), 1)
    documents = torch.tensor([[0] * 9 + [1] * 14])
    positions = torch.tensor([[*range(9), *range(14)]])
    packed = model(row, None, documents, positions)
    torch.testing.assert_close(packed[:, :9], model(one), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[:, 9:], model(other), atol=1e-5, rtol=1e-5)


def test_the_loss_is_that_of_the_logits() -> None:
    model = Transformer(SMALL)
    model.start(1)
    tokens = torch.randint(0, 320, (2, 16))
    targets = torch.randint(0, 320, (2, 16))
    targets[0, 5:] = -100
    wanted = torch.nn.functional.cross_entropy(
        model(tokens).flatten(0, 1), targets.flatten(), reduction="sum"
    )
    torch.testing.assert_close(model(tokens, targets), wanted)


def test_swapping_heads_back_is_the_identity() -> None:
    weight = torch.randn(4 * 16, 24)
    assert torch.equal(swapped(swapped(weight, 4, to_gguf=True), 4, to_gguf=False), weight)


@pytest.mark.model
def test_the_bundled_model_is_read_from_its_gguf(model_home: Path) -> None:
    path = model_path(Settings(home=model_home), find_model(DEFAULT))
    model = load_model(path)
    with LlamaServer(path) as server:
        text = "The capital of France is"
        tokens = server.token_ids(text)
        told = server.next_tokens(tokens)
    with torch.no_grad():
        ours = model(torch.tensor([tokens]))[0, -1].log_softmax(-1)
    assert int(ours.argmax()) == next(iter(told))
    for token, chance in list(told.items())[:2]:  # it computes with 8-bit activations
        assert float(ours[token]) == pytest.approx(chance, abs=0.4)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No model is at"):
        load_model(tmp_path / "nothing")
    with pytest.raises(NotFound, match=r"no config\.json"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(InvalidRequest, match="give Qwen3 or Llama"):
        load_model(tmp_path)
    (tmp_path / "wrong.gguf").write_bytes(b"nothing" * 99)
    with pytest.raises(InvalidRequest, match="is no GGUF"):
        load_model(tmp_path / "wrong.gguf")


@pytest.mark.parametrize("size", ["1m", "10m", "124m", "560m", "1.7b", "70b"])
def test_a_size_means_a_model_that_is_about_so_large(size: str) -> None:
    scale = scale_for(size, 4096 if size in {"1m", "10m"} else 32_768)
    assert scale.heads % scale.kv_heads == 0
    assert scale.batch_tokens % scale.sequence == 0
    assert scale.steps * scale.batch_tokens == pytest.approx(scale.tokens, rel=0.01)
    assert np.isfinite(scale.other_rate)


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="--size"):
        scale_for("large", 4096)
