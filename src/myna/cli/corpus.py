"""``myna train tokenizer``, ``corpus``, ``forget``: what a model learns from, and from what not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from myna.cli.reading import Shown, ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from myna.db.engine import Database
    from myna.train.corpus import Filters, Sources

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="JSON lines, Parquet or text; without any, the store's posts."),
]
Licence = Annotated[
    str,
    typer.Option(help="Licence of the files' rows that tell none; without it they are left out."),
]
Languages = Annotated[str, typer.Option(help="Only these (en,de); empty: all.")]
Against = Annotated[
    list[Path] | None, typer.Option(help="Evaluation set: posts that share 8 words with it go.")
]
HeldOut = Annotated[
    float,
    typer.Option(
        min=0, max=0.5, help="Share of the authors who are not trained on: to measure with."
    ),
]
Canaries = Annotated[
    int,
    typer.Option(min=0, max=1000, help="Invented secrets to plant, to measure what is remembered."),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that clean the posts.")]

LEAST_TEXTS = 20
"""Of a language, kept out, for figures of it to say something."""


def register(app: typer.Typer) -> None:
    """Add the commands to ``myna train``."""
    app.command()(tokenizer)
    app.command()(corpus)
    app.command()(forget)


def corpus(
    files: Files = None,
    *,
    to: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("corpus"),
    tokenizer: Annotated[Path, typer.Option(help="Folder or tokenizer.json.")] = Path("tokenizer"),
    size: Annotated[str, typer.Option(help="Tokens at most (10m, 2b); 0: all there is.")] = "0",
    licence: Licence = "",
    languages: Languages = "",
    against: Against = None,
    held_out: HeldOut = 0.005,
    canaries: Canaries = 0,
    workers: Workers = os.cpu_count() or 1,
) -> None:
    """Make token shards of posts that may be trained on, each said once, without personal data.

    A corpus that was begun and stopped is gone on with. On a CPU, within a minute:

    myna train tokenizer posts.jsonl --licence CC-BY-4.0 --size 4096 --to tok;
    myna train corpus posts.jsonl --licence CC-BY-4.0 --tokenizer tok --to corpus
    """
    from myna.train.make import forget_withdrawn, make_corpus

    wanted = _count(size)
    with Store(not files) as db, Shown(to, files or [], wanted) as show:
        sources = sources_of(files or [], licence, db, show)
        index, tally = make_corpus(
            to,
            sources,
            _filters(languages, against or []),
            tokenizer,
            workers=workers,
            size=wanted,
            held_out=held_out,
            canaries=canaries,
            told=show,
        )
        gone = forget_withdrawn(db, to, index) if db is not None else 0
    print(ended(tally))
    print(f"{to}: {index.tokens:,} tokens in {len(index.shards)} shards, {index.fingerprint}.")
    if gone:
        print(f"{gone:,} documents went again: their authors said no meanwhile.")


def tokenizer(
    files: Files = None,
    *,
    to: Annotated[Path, typer.Option(help="Folder of the tokenizer.")] = Path("tokenizer"),
    size: Annotated[int, typer.Option(help="Tokens of the vocabulary.")] = 32_768,
    characters: Annotated[
        str, typer.Option(help="Of text to learn from at most; memory is about 10 times that.")
    ] = "200m",
    compare: Annotated[
        list[Path] | None, typer.Option(help="A tokenizer.json or a GGUF to compare with.")
    ] = None,
    licence: Licence = "",
    languages: Languages = "",
    workers: Workers = os.cpu_count() or 1,
) -> None:
    """Make a byte-level BPE tokenizer of posts; transformers, llama.cpp and vLLM load it unchanged.

    Every 50th document is kept out and measured with, per language. On a CPU, within a minute:

    myna train tokenizer posts.jsonl --licence CC-BY-4.0 --size 4096 --to tok
    """
    from myna.errors import InvalidRequest
    from myna.train.corpus import Tally, clean_all
    from myna.train.tokenizer import save_tokenizer, train_tokenizer

    tally, held = Tally(), list[str]()
    most, number = _count(characters), 0

    def texts(db: Database | None, show: Shown) -> Iterator[str]:
        nonlocal number
        sources = sources_of(files or [], licence, db, show)
        for kept in clean_all(sources, _filters(languages, []), workers=workers, tally=tally):
            show(tally, 0)
            for text in kept.texts:
                number += 1
                if number % 50 == 0:
                    held.append(text.text)
                else:
                    yield text.text
            if tally.characters >= most:
                return

    with Store(not files) as db, Shown(to, files or []) as show:
        made = train_tokenizer(texts(db, show), size)
    print(ended(tally))
    if not tally.documents:
        raise InvalidRequest("No text may be learnt from. Files need --licence, posts a consent.")
    save_tokenizer(made, to)
    print(f"{to}: {made.get_vocab_size():,} tokens.")
    _compare({str(to): to} | {path.name: path for path in compare or []}, held)


def forget(
    author: Annotated[
        list[str], typer.Option(help="NETWORK:ID of an author; for a file's rows its name is it.")
    ],
    *,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("corpus"),
    run: Annotated[
        list[Path] | None, typer.Option(help="Folder of a run: which of its steps saw the author?")
    ] = None,
    look: Annotated[bool, typer.Option("--look", help="Tell, and change nothing.")] = False,
) -> None:
    """Say which steps of runs read an author's posts, and rewrite the corpus without them.

    A later run refuses a corpus that has one of them: myna train forget --author bluesky:did:plc:x
    """
    from myna.errors import InvalidRequest
    from myna.train.hashes import author_hash
    from myna.train.provenance import forget as rewrite
    from myna.train.provenance import who_saw

    hashes: list[int] = []
    for one in author:
        network, _, name = one.partition(":")
        if not network or not name:
            raise InvalidRequest(
                "--author: give the network and the author's id there, as bluesky:did:plc:…"
            )
        hashes.append(author_hash(network, name))
    for folder in run or []:
        seen = list(who_saw(folder, hashes))
        if not seen:
            print(f"{folder}: no step read them.")
        for sight in seen:
            print(
                f"{folder}: steps {sight.start:,} to {sight.stop - 1:,} read {sight.documents:,} "
                f"of their documents; checkpoints from step {sight.start:,} on may have learnt from them."
            )
    if not look:
        gone = rewrite(corpus, hashes)
        print(
            f"{corpus}: {gone.documents:,} documents of {gone.tokens:,} tokens went, "
            f"{gone.rewritten} shards were rewritten. A run that reads it has none of them."
        )


class Store:
    """The store for as long as the block lasts, where it is asked for."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._db: Database | None = None

    def __enter__(self) -> Database | None:
        if self._wanted:
            from myna.db.engine import open_database
            from myna.settings import load_settings
            from myna.telemetry import configure_logging

            settings = load_settings()
            configure_logging(settings.log_level)
            self._db = open_database(settings)
        return self._db

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.dispose()


def sources_of(files: list[Path], licence: str, db: Database | None, show: Shown) -> Sources:
    """What is read, in this order: the store where it is open, then the files."""
    from functools import partial

    from myna.errors import InvalidRequest
    from myna.train.files import read_file, read_store

    for path in files:
        if not path.is_file():
            raise InvalidRequest(f"{path} is not there.")
    stores = [partial(read_store, db)] if db is not None else []
    told = [show.hears(number) for number in range(len(files))]
    read = [
        partial(read_file, path, licence, hears) for path, hears in zip(files, told, strict=True)
    ]
    return [*stores, *read]


def _filters(languages: str, against: list[Path]) -> Filters:
    from myna.train.benchmarks import read_benchmarks
    from myna.train.corpus import Filters

    asked = frozenset(word.strip().lower() for word in languages.split(",") if word.strip())
    return Filters(asked, read_benchmarks(against))


def _count(told: str) -> int:
    from myna.train.plan.shape import count_of

    return 0 if told.strip() in {"", "0"} else int(count_of(told, "--size"))


def _compare(paths: dict[str, Path], texts: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from myna.index.language import identify
    from myna.train.tokenizer import fit, gguf_tokenizer, load_tokenizer

    by_language: dict[str, list[str]] = {}
    for text in texts:
        by_language.setdefault(identify(text) or "?", []).append(text)
    told = [lang for lang, having in by_language.items() if len(having) >= LEAST_TEXTS]
    most = sorted(told, key=lambda lang: -len(by_language[lang]))[:12]
    table = Table("tokenizer", "language", "texts", "bytes a token", "tokens a word", "bits a byte")
    for name, path in paths.items():
        made = gguf_tokenizer(path) if path.suffix == ".gguf" else load_tokenizer(path)[0]
        for one in fit(made, {lang: by_language[lang] for lang in most}):
            table.add_row(
                name,
                one.lang,
                f"{len(by_language[one.lang]):,}",
                f"{one.bytes_per_token:.2f}",
                f"{one.fertility:.2f}",
                f"{one.bits_per_byte:.2f}",
            )
    Console().print(table)
