"""A model of files, in this process: transformers' own class with our weights, whose parameter names
are the same. A GPU is used where there is one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from anyio import to_thread
from tokenizers import Tokenizer

from myna.errors import InvalidRequest, NotFound
from myna.models.chat import ChatMessage, ChatModel, Delta, Usage
from myna.train.evaluate.subject import Likelihood
from myna.train.lora import ADAPTER, Adapter, base_of, read_adapter
from myna.train.tensors import Tensors, checkpoint_of, open_tensors
from myna.train.vocabulary import Vocabulary, read_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH_TOKENS = 8_192
"""Read at once, padding included."""
LOGIT_ROWS = 512
"""Positions whose probabilities are held at once: 100 MB of a vocabulary of 50,000."""
MOST_TOKENS = 4_096
"""Of a context and its continuation; of more, the beginning is left out."""
_ENDS_BYTES = 1 << 16


class LocalSubject:
    """Of a run's checkpoint, a Hugging Face folder, an adapter (on its base), or a GGUF's
    de-quantised weights."""

    def __init__(self, path: Path, label: str) -> None:
        if not path.exists():
            raise NotFound(f"No model is at {path}. Give a run, a checkpoint, a folder or a GGUF.")
        self._label, self._path = label, path
        self._adapter: Adapter | None = None
        self._base = path
        if (path / ADAPTER).is_file():
            self._adapter = read_adapter(path)
            self._base = base_of(path)
            if not self._base.exists():
                raise NotFound(f"{path}: its base {self._base} is not there.")

    @property
    def label(self) -> str:
        return self._label

    @property
    def fingerprint(self) -> str:
        """Of the files' names, sizes, beginnings and ends: 100 GB need not be read for it."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        places = {self._path, self._base}
        for place in sorted(places):
            place = (checkpoint_of(place) if place.is_dir() else None) or place  # noqa: PLW2901
            files = [place] if place.is_file() else sorted(_files(place))
            for file in files:
                size = file.stat().st_size
                digest.update(f"{file.name} {size} ".encode())
                with file.open("rb") as opened:
                    digest.update(opened.read(_ENDS_BYTES))
                    opened.seek(max(0, size - _ENDS_BYTES))
                    digest.update(opened.read(_ENDS_BYTES))
        return digest.hexdigest()[:16]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Of the model's folder, of its run, or of the corpus that the run read."""
        return read_vocabulary(_tokenizer(self._path, self._base))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_str(self.vocabulary.files["tokenizer.json"].decode())

    @cached_property
    def _tensors(self) -> Tensors:
        return open_tensors(self._base, self._adapter)

    @cached_property
    def parameters(self) -> int:
        return self._tensors.config.matrix_parameters

    @property
    def context_tokens(self) -> int:
        return min(MOST_TOKENS, self._tensors.config.max_position_embeddings)

    @cached_property
    def model(self) -> PreTrainedModel:
        from transformers import AutoConfig, AutoModelForCausalLM

        told = self._tensors.config.as_json()
        config = AutoConfig.for_model(told.pop("model_type"), **told)
        config.eos_token_id = list(self.vocabulary.ends) or None
        config.pad_token_id = self._pad
        on_gpu = torch.cuda.is_available()
        kind = torch.bfloat16 if on_gpu else torch.float32
        model = AutoModelForCausalLM.from_config(config, dtype=kind)
        state = {name: self._tensors.read(name).float() for name in self._tensors.names}
        missing, unknown = model.load_state_dict(state, strict=False)
        if set(missing) - {"lm_head.weight"} or unknown:
            raise InvalidRequest(f"{self._path} is not whole: {[*missing, *unknown][0]}.")
        model.tie_weights()
        return model.to("cuda" if on_gpu else "cpu").eval()

    @property
    def _pad(self) -> int:
        words = self.vocabulary
        return words.pad if words.pad is not None else (words.eos or 0)

    def likelihoods(self, asked: Sequence[tuple[str, str]]) -> list[Likelihood]:
        """As ``Subject`` says."""
        read = [self._read(*pair) for pair in asked]
        made: list[Likelihood | None] = [None] * len(read)
        for places in _batches([len(ids) for ids, _, _ in read]):
            for place, one in zip(
                places, self._measured([read[place] for place in places]), strict=True
            ):
                made[place] = one
        return [one for one in made if one is not None]

    def _read(self, context: str, continuation: str) -> tuple[list[int], int, int]:
        """Tokens, how many of them are given, and the bytes of the others' text."""
        whole = context + continuation
        encoded = self.tokenizer.encode(whole)
        given = sum(end <= len(context) for _, end in encoded.offsets)
        ids = encoded.ids
        if not given and ids:
            given = 1
        size = len(whole[encoded.offsets[given][0] :].encode()) if given < len(ids) else 0
        cut = max(0, len(ids) - self.context_tokens)
        return ids[cut:], max(given - cut, min(1, len(ids))), size

    @torch.no_grad()
    def _measured(self, batch: list[tuple[list[int], int, int]]) -> Iterator[Likelihood]:
        width = max(1, *(len(ids) for ids, _, _ in batch))
        padded = [ids + [self._pad] * (width - len(ids)) for ids, _, _ in batch]
        tokens = torch.tensor(padded, device=self.model.device)
        hidden = self.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
        head: Any = self.model.get_output_embeddings()
        for row, (ids, given, size) in enumerate(batch):
            nats, greedy = 0.0, True
            for start in range(given, len(ids), LOGIT_ROWS):
                stop = min(len(ids), start + LOGIT_ROWS)
                logits = head(hidden[row, start - 1 : stop - 1]).float()
                wanted = tokens[row, start:stop]
                nats += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
                greedy = greedy and bool((logits.argmax(-1) == wanted).all())
            yield Likelihood(nats, size, greedy)

    def write(self, prompts: Sequence[str], *, tokens: int, stop: Sequence[str] = ()) -> list[str]:
        """As ``Subject`` says."""
        read = [self.tokenizer.encode(prompt).ids for prompt in prompts]
        made = [""] * len(read)
        for places in _batches([len(ids) + tokens for ids in read]):
            written = self.generate([read[place] for place in places], tokens, stop)
            for place, ids in zip(places, written, strict=True):
                made[place] = cut_at(self._said(ids), stop)
        return made

    def _said(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    @torch.no_grad()
    def generate(
        self, prompts: list[list[int]], tokens: int, stop: Sequence[str] = ()
    ) -> list[list[int]]:
        """Token ids behind each prompt's, padding included."""
        from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

        room = self.context_tokens - tokens
        prompts = [(ids or [self._pad])[-room:] for ids in prompts]
        width = max(map(len, prompts))
        given = torch.tensor([[self._pad] * (width - len(ids)) + ids for ids in prompts])
        mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts])
        said = self._said

        class Stopped(StoppingCriteria):
            def __call__(self, input_ids: Any, scores: Any, **told: Any) -> Any:
                ended = [
                    any(word in said(ids[width:].tolist()) for word in stop) for ids in input_ids
                ]
                return torch.tensor(ended, device=input_ids.device)

        settings = GenerationConfig(
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=list(self.vocabulary.ends) or None,
            pad_token_id=self._pad,
        )
        model: Any = self.model
        written = model.generate(
            given.to(model.device),
            attention_mask=mask.to(model.device),
            generation_config=settings,
            stopping_criteria=StoppingCriteriaList([Stopped()] if stop else []),
        )
        return written[:, width:].tolist()

    def chat(self) -> ChatModel:
        """As ``Subject`` says."""
        return LocalChat(self)

    def close(self) -> None:
        """As ``Subject`` says."""
        self.__dict__.pop("model", None)


class LocalChat:
    """A ``ChatModel`` over a model in this process: an answer comes in one piece."""

    def __init__(self, subject: LocalSubject) -> None:
        self._subject = subject

    @property
    def name(self) -> str:
        return self._subject.label

    @property
    def context_tokens(self) -> int:
        return self._subject.context_tokens

    @property
    def small(self) -> bool:
        return self._subject.parameters < 1e9

    @property
    def version(self) -> str:
        """Of what files it is."""
        return self._subject.fingerprint

    def serving(self, asker: str) -> ChatModel:
        """Itself: nothing is tried beside it."""
        del asker
        return self

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Delta, None]:
        """As ``ChatModel.stream`` says; always the likeliest token."""
        del temperature
        ids = self._subject.tokenizer.encode(self._prompt(messages), add_special_tokens=False).ids
        (written,) = await to_thread.run_sync(self._subject.generate, [ids], max_tokens, stop)
        text = self._subject.tokenizer.decode(written, skip_special_tokens=True)
        yield Delta(cut_at(text, stop))
        finish = "length" if len(written) >= max_tokens else "stop"
        yield Delta("", Usage(len(ids), len(written)), finish)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Counted, with the chat template."""
        return len(self._subject.tokenizer.encode(self._prompt(messages)).ids)

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None

    def _prompt(self, messages: Sequence[ChatMessage]) -> str:
        told = [{"role": one.role, "content": one.content} for one in messages]
        template = self._subject.vocabulary.template
        if not template:
            return "\n\n".join(one["content"] for one in told) + "\n\n"
        return str(self._templated.apply_chat_template(told, tokenize=False, **_OPEN))

    @cached_property
    def _templated(self) -> Any:
        from transformers import PreTrainedTokenizerFast

        settings = json.loads(self._subject.vocabulary.files["tokenizer_config.json"])
        names = {name: settings[name] for name in ("bos_token", "eos_token") if settings.get(name)}
        return PreTrainedTokenizerFast(
            tokenizer_object=self._subject.tokenizer,
            chat_template=self._subject.vocabulary.template,
            **names,
        )


_OPEN: dict[str, Any] = {"add_generation_prompt": True, "enable_thinking": False}


def cut_at(text: str, stop: Sequence[str]) -> str:
    """The text up to the first of the words that end it."""
    return text[: min([text.find(word) for word in stop if word in text], default=len(text))]


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Places of texts that are read together, those of one length beside each other."""
    held: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if held and (len(held) + 1) * lengths[held[0]] > BATCH_TOKENS:
            yield held
            held = []
        held.append(place)
    if held:
        yield held


def _files(folder: Path) -> Iterator[Path]:
    """What the weights and the tokenizer of a folder are in."""
    for path in folder.iterdir():
        if path.is_file() and path.suffix in {".safetensors", ".json", ".distcp", ".jinja"}:
            yield path


def _tokenizer(path: Path, base: Path) -> Path:
    run = base.parent if (base / ".metadata").is_file() else base
    if base.is_file():
        return base
    places = [path, run]
    if (run / "run.json").is_file():
        places.append(Path(json.loads((run / "run.json").read_text())["corpus"]))
    for place in places:
        if (place / "tokenizer.json").is_file():
            return place
    raise NotFound(f"{run} has no tokenizer.json: put the one of its corpus there.")
