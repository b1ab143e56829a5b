"""An exported model in transformers and in llama.cpp: the same tokens, the same logits."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from myna.errors import Conflict, InvalidRequest, NotFound
from myna.train.export import Request, export
from myna.train.model import Config
from myna.train.tokenizer import save_tokenizer, train_tokenizer
from myna.train.vocabulary import LLAMA3, read_vocabulary
from myna.train.weights import load_model
from tests.train.llama_server import LlamaServer
from tests.train.random_model import SHAPES, TEXTS, a_model

ODD = [
    *TEXTS,
    "👩‍👩‍👧‍👦🏳️‍🌈 a👍🏽b ‼️",
    "中文没有空格,也没有问题。日本語とEnglishが混ざる",
    'def f(x: int) -> str:\n\treturn f"{x!r}"  \n',
    "   three before, three after   ",
    " \n \t \r\n  ",
    "",
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "almost <|im_start |> and <|endoftext|> inside <|im_end|>text",
    "مرحبا بالعالم שלום עולם हिन्दी",
    "\x00\x07\x7f\u200b\u2028 ünïcödé \U0010ffff ﬁ ①②③ ½",
    "AAAAAAAAAAAAAAAA 1111111111 ........... -----------",
    "We'LL see: I'M, you'Re, it'S l'été",
]
PROMPTS = ["Don't print", "今日は", "x = foo(", "<|im_start|>user\nGröße 5<|im_end|>\n"]


@pytest.fixture(scope="module", params=["qwen3", "llama"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp(request.param)
    source = a_model(folder / "model", SHAPES[request.param])
    wanted = Request(source, folder / "made", name="tiny", kinds=("f32", "f16", "q8_0", "q4_0"))
    return export(wanted).folder


def test_token_ids_are_those_of_transformers(exported: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(str(exported))
    with LlamaServer(exported / "tiny-f16.gguf") as server:
        for text in ODD:
            wanted = theirs(text, add_special_tokens=False)["input_ids"]
            assert server.token_ids(text) == wanted, text
        chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Größe?"}]
        wanted = theirs.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        assert server.chat_prompt(chat) == wanted


@pytest.mark.parametrize(
    ("kind", "within"), [("f32", 1e-4), ("f16", 0.02), ("Q8_0", 0.3), ("Q4_0", 0.3)]
)
def test_logits_are_those_of_transformers(exported: Path, kind: str, within: float) -> None:
    """Of 8 and 4 bits: with the same blocks, de-quantised; what is left is llama.cpp's rounding of
    what it computes with."""
    file = exported / f"tiny-{kind}.gguf"
    model = AutoModelForCausalLM.from_pretrained(str(exported), dtype=torch.float32).eval()
    if kind.startswith("Q"):
        model.load_state_dict(load_model(file).state_dict())
    with LlamaServer(file) as server:
        assert farthest(exported, model, server) < within


def test_a_file_gives_the_weights_of_the_export(exported: Path) -> None:
    wanted = load_file(exported / "model.safetensors")
    for kind in ("f32", "f16"):
        read = load_model(exported / f"tiny-{kind}.gguf").state_dict()
        for name, tensor in wanted.items():
            torch.testing.assert_close(read[name], tensor.float(), atol=1e-6, rtol=1e-3)
    exact = load_model(exported / "tiny-f32.gguf").state_dict()
    assert all(torch.equal(exact[name], tensor.float()) for name, tensor in wanted.items())


@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_an_adapter_is_the_same_added_apart_and_in_peft(family: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    source = a_model(tmp_path / "model", SHAPES[family])
    tuned = get_peft_model(
        AutoModelForCausalLM.from_pretrained(str(source), dtype=torch.float32),
        LoraConfig(r=4, lora_alpha=12, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"]),
    ).eval()
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape) * 0.05
    tuned.save_pretrained(str(tmp_path / "adapter"))
    asked = Request(
        source, tmp_path / "made", "tuned", tmp_path / "adapter", kinds=("f32",), base="tiny"
    )
    made = export(asked).folder
    alone = export(Request(source, tmp_path / "alone", "base", kinds=("f32",))).folder
    with LlamaServer(alone / "base-f32.gguf") as server:
        assert farthest(made, tuned, server) > 0.5
    with LlamaServer(alone / "base-f32.gguf", made / "tuned-adapter.gguf") as server:
        assert farthest(made, tuned, server) < 0.01
    with LlamaServer(made / "tuned-f32.gguf") as server:
        assert farthest(made, tuned, server) < 0.2  # the sum has 16 bits
    card = (made / "README.md").read_text()
    assert "tiny (a LoRA of rank 4 on it); its licence counts too" in card


def test_a_large_model_is_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.train.export.SHARD_BYTES", 60_000)
    source = a_model(tmp_path / "model", SHAPES["qwen3"])
    made = export(Request(source, tmp_path / "made", "parts", kinds=())).folder
    assert len(list(made.glob("model-*-of-*.safetensors"))) > 2
    loaded = AutoModelForCausalLM.from_pretrained(str(made), dtype=torch.float32)
    wanted = load_file(source / "model.safetensors")
    for name, tensor in loaded.state_dict().items():
        if name in wanted:
            assert torch.equal(tensor, wanted[name].bfloat16().float())


def test_other_tokenizers_are_read_or_refused(tmp_path: Path) -> None:
    """Llama 3's and SmolLM's ways to split; a pattern that llama.cpp has no name for."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())

    def saved(before: pre_tokenizers.PreTokenizer, name: str) -> Path:
        numbers = {one: number for number, one in enumerate([*alphabet, "ab"])}
        made = Tokenizer(models.BPE(vocab=numbers, merges=[("a", "b")]))
        made.pre_tokenizer, made.decoder = before, decoders.ByteLevel()
        made.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
        (tmp_path / name).mkdir()
        made.save(str(tmp_path / name / "tokenizer.json"))
        return tmp_path / name

    bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
    found = {
        "llama-bpe": pre_tokenizers.Sequence([split, bytes_alone]),
        "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(True), words]),
        "gpt-2": words,
    }
    for name, before in found.items():
        folder = saved(before, name)
        assert read_vocabulary(folder).split == name
        source = a_model(tmp_path / f"{name}-model", SHAPES["llama"], train_tokenizer(TEXTS, 300))
        made = export(
            Request(source, tmp_path / f"{name}-made", name, tokenizer=folder, kinds=("f16",))
        )
        theirs = AutoTokenizer.from_pretrained(str(made.folder))
        with LlamaServer(made.folder / f"{name}-f16.gguf") as server:
            for text in ODD[:9]:
                assert server.token_ids(text) == theirs(text, add_special_tokens=False)["input_ids"]
    with pytest.raises(InvalidRequest, match="no name for how"):
        read_vocabulary(saved(pre_tokenizers.Sequence([split, words]), "odd"))


@pytest.mark.model
def test_the_bundled_models_tokenizer_goes_through_it(model_home: Path, tmp_path: Path) -> None:
    """With weights of no size: 49,152 tokens, and a chat template that adds a system message."""
    bundled = next((model_home / "models").glob("*.gguf"))
    config = Config(49_152, 32, 64, 1, 1, 1, 32, qk_norm=False)
    source = a_model(tmp_path / "model", config)
    asked = Request(source, tmp_path / "made", "small", tokenizer=bundled, kinds=("q8_0",))
    made = export(asked).folder
    theirs = AutoTokenizer.from_pretrained(str(made))
    with LlamaServer(bundled) as one, LlamaServer(made / "small-Q8_0.gguf") as two:
        for text in ODD:
            ids = theirs(text, add_special_tokens=False)["input_ids"]
            assert one.token_ids(text) == two.token_ids(text) == ids
        chat = [{"role": "user", "content": "What is a kernel?"}]
        told = theirs.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        assert one.chat_prompt(chat) == two.chat_prompt(chat) == told


def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    source = a_model(tmp_path / "model", SHAPES["qwen3"])
    with pytest.raises(InvalidRequest, match="--name"):
        export(Request(source, tmp_path / "made", "A B"))
    with pytest.raises(InvalidRequest, match="--gguf"):
        export(Request(source, tmp_path / "made", "a", kinds=("q4_k",)))
    with pytest.raises(NotFound, match="No model is at"):
        export(Request(tmp_path / "nothing", tmp_path / "made", "a"))
    with pytest.raises(NotFound, match="is no adapter"):
        export(Request(source, tmp_path / "made", "a", adapter=source))
    large = tmp_path / "large"
    save_tokenizer(train_tokenizer(TEXTS * 30, 400), large)
    with pytest.raises(InvalidRequest, match="the tokenizer that it was trained with"):
        export(Request(source, tmp_path / "made", "a", tokenizer=large))
    weights = load_file(source / "model.safetensors")
    save_file(dict(itertools.islice(weights.items(), 3)), source / "model.safetensors")
    with pytest.raises(InvalidRequest, match="is not whole"):
        export(Request(source, tmp_path / "made", "a"))
    assert not (tmp_path / "made").exists() and not list(tmp_path.glob(".made*"))
    (tmp_path / "made").mkdir()
    with pytest.raises(Conflict, match="Give a new folder"):
        export(Request(source, tmp_path / "made", "a"))


def farthest(folder: Path, model: Any, server: LlamaServer) -> float:
    """The largest difference between two log-probabilities over all prompts and tokens."""
    tokenizer, far = AutoTokenizer.from_pretrained(str(folder)), 0.0
    for prompt in PROMPTS:
        ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            wanted = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        told = server.next_tokens(ids, 384)
        assert len(told) > 300
        far = max(far, *(abs(chance - float(wanted[token])) for token, chance in told.items()))
    return far
