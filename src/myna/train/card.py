"""The model card: what a model is, what it learnt from and with whose leave, its figures, its files.

It is written from what the run recorded. What was not recorded is said to be unknown; nothing is
praised.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from myna import __version__
from myna.train.lineage import Corpus, Lineage
from myna.train.model import Config

POLICY = """\
Posts of a network are learnt from only where their author lets models be trained on them (the use
`train`, which is off unless the author or, by default, the network's own signal says otherwise). Copies are
kept once; e-mail addresses, phone and card numbers, keys and network addresses are taken out. Each
document carries a hash of its authors, so `myna train forget` can tell which steps of a run read
somebody's posts and takes them out of the corpus. **Weights that have read a post cannot unread it**: who
withdraws a consent is honoured by the next training run."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the export."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says."""

    name: str
    version: str
    licence: str
    config: Config
    parameters: int
    context: int
    chat: bool
    """Whether there is a chat template."""
    files: Sequence[Written]
    lineage: Sequence[Lineage] = ()
    """The runs behind it, the first one first."""
    base: str = ""
    adapter_rank: int = 0


def write_card(facts: Facts) -> str:
    """The card in Markdown, with the header that model hubs read."""
    parts = [
        _header(facts),
        f"# {facts.name}\n",
        _what(facts),
        "## What it learnt from\n",
        _data(facts),
        "## Training\n",
        _training(facts),
        "## Figures\n",
        _figures(facts),
        "## Files\n",
        _files(facts),
        "## Use\n",
        _use(facts),
        "## Limits\n",
        _limits(facts),
    ]
    return "\n".join(parts)


def _header(facts: Facts) -> str:
    lines = [
        "---",
        f"license: {json.dumps(facts.licence.lower() if facts.licence else 'unknown')}",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        *([f"base_model: {json.dumps(facts.base)}"] if facts.base else []),
        "tags: [myna, gguf]",
        "---\n",
    ]
    return "\n".join(lines)


def _what(facts: Facts) -> str:
    config = facts.config
    rows = [
        ("version", f"`{facts.version}`"),
        ("family", "Qwen3" if config.qk_norm else "Llama"),
        ("parameters", f"{facts.parameters:,}"),
        ("layers, width", f"{config.num_hidden_layers}, {config.hidden_size}"),
        ("heads (key-value), size",
         f"{config.num_attention_heads} ({config.num_key_value_heads}), {config.head_dim}"),
        ("vocabulary", f"{config.vocab_size:,}"),
        ("context", f"{facts.context:,} tokens"),
        ("licence", facts.licence or "not stated: ask who made it before you use it"),
        ("made with", f"Myna {__version__}"),
    ]  # fmt: skip
    if facts.base:
        how = f"a LoRA of rank {facts.adapter_rank} on it" if facts.adapter_rank else "went on from"
        rows.insert(1, ("base", f"{facts.base} ({how}); its licence counts too"))
    return "| | |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def _data(facts: Facts) -> str:
    corpora = [corpus for run in facts.lineage for corpus in run.corpora]
    parts = [_corpus(run.method, corpus) for run in facts.lineage for corpus in run.corpora]
    if facts.base or not corpora:
        parts.insert(
            0,
            f"There is no record of what {facts.base or 'it'} learnt from. Do not take that for a "
            "sign that nobody would mind.\n",
        )
    stores = any(one.name.startswith("store:") for corpus in corpora for one in corpus.sources)
    return "\n".join([*parts, *([POLICY + "\n"] if stores else [])])


def _corpus(method: str, corpus: Corpus) -> str:
    first, stop = corpus.steps
    head = f"{method}, steps {first + 1:,} to {stop:,}, corpus `{corpus.fingerprint}`: "
    read, there = corpus.tokens_read, corpus.tokens
    kind = "tokens"
    if corpus.examples_read:
        read, kind = corpus.examples_read, "examples"
        there = sum(one.documents for one in corpus.sources)
    head += f"{read:,} {kind} were read"
    if not corpus.there:
        return f"{head}. The corpus is no longer there to be counted.\n"
    rounds = read / there if there else 0
    lines = [
        f"{head} of {there:,} ({rounds:.2f} rounds), written by {corpus.authors:,} authors.\n",
        "| source (licence) | documents | tokens |",
        "| --- | ---: | ---: |",
        *(f"| {one.name} | {one.documents:,} | {one.tokens:,} |" for one in corpus.sources),
        "",
    ]
    if corpus.consent:
        lines.append(f"The posts were taken under version {corpus.consent:,} of all consents.\n")
    if corpus.forgotten:
        lines.append(f"Authors who were taken out of the corpus again: {corpus.forgotten:,}.\n")
    return "\n".join(lines)


def _training(facts: Facts) -> str:
    if not facts.lineage:
        return "There is no record of its training.\n"
    return "".join(_run(run) for run in facts.lineage)


def _run(run: Lineage) -> str:
    hidden = {"fingerprint", "method"}
    told = ", ".join(
        f"{name} {value}" for name, value in run.settings.items() if name not in hidden
    )
    return f"- {run.method}: {run.step:,} steps, {run.read}" + (f"; {told}" if told else "") + "\n"


def _figures(facts: Facts) -> str:
    rows = [
        (f"{run.method}: {what}", value)
        for run in facts.lineage
        for what, value in (
            ("training loss, last steps", run.loss),
            ("loss on authors that it never read (nats a token)", run.held_out),
            ("bits a byte on authors that it never read", run.bits_per_byte),
        )
        if value is not None
    ]
    if not rows:
        return "None were recorded.\n"
    lines = [f"| {what} | {value:.4f} |\n" for what, value in rows]
    return "| figure | value |\n| --- | ---: |\n" + "".join(lines)


def _files(facts: Facts) -> str:
    lines = ["| file | MB | SHA-256 |", "| --- | ---: | --- |"]
    lines += [f"| {one.name} | {one.bytes / 1e6:,.1f} | `{one.sha256}` |" for one in facts.files]
    return "\n".join(lines) + "\n"


def _use(facts: Facts) -> str:
    lines = [f"- Myna: `myna models add FOLDER && myna models use {facts.name} --canary 10%`"]
    if any(one.name.endswith(".safetensors") for one in facts.files):
        lines.append("- transformers, vLLM: the folder is a Hugging Face model.")
    if any(one.name.endswith(".gguf") for one in facts.files):
        lines.append("- llama.cpp, Ollama: the `.gguf` files.")
    return "\n".join(lines) + "\n"


def _limits(facts: Facts) -> str:
    said = ["It repeats the errors and the views of what it read, and states what is not so."]
    if not facts.chat:
        said.append("It has no chat format: it continues text and follows no instructions.")
    if facts.parameters < 1_000_000_000:
        said.append(
            "It is small: let Myna check each of its sentences, as it does, and show it nowhere else."
        )
    return " ".join(said) + "\n"
