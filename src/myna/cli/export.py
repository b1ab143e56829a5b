"""``myna export``: a trained model as files for transformers, vLLM, llama.cpp and Myna itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("export")(export)


def export(
    source: Annotated[
        Path, typer.Argument(help="A run, one of its checkpoints, a Hugging Face folder or a GGUF.")
    ],
    to: Annotated[Path, typer.Argument(help="Folder to make; it must not be there.")],
    *,
    adapter: Annotated[
        Path | None, typer.Option(help="LoRA adapter (a folder) that is added into the model.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Where the source has none: the one of its corpus.")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the model; by default the folder's.")] = "",
    gguf: Annotated[
        str, typer.Option(help="GGUF files to write, of f32, f16, q8_0, q4_0; empty: none.")
    ] = "f16,q8_0,q4_0",
    licence: Annotated[str, typer.Option(help="Of the weights (Apache-2.0), for the card.")] = "",
    base: Annotated[
        str, typer.Option(help="Name of the model that it went on from, for the card.")
    ] = "",
) -> None:
    """Write safetensors, tokenizer, chat template, model card and GGUF files of a model.

    In some seconds on a processor:  myna export run/ made/ --tokenizer tok/ --licence Apache-2.0
    Then:  myna models add made/
    """
    from myna.errors import ConfigurationError

    try:
        from myna.train.export import Request
        from myna.train.export import export as make
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed. Install the extra: pip install 'myna[train]'"
        ) from None
    kinds = tuple(word.strip().lower() for word in gguf.split(",") if word.strip())
    asked = Request(
        source, to, name or to.name.lower(), adapter, tokenizer, kinds, licence, base
    )  # fmt: skip
    made = make(asked, lambda file: print(f"writing {file} …", flush=True))
    for file in made.files:
        print(f"{file.bytes / 1e6:>10,.1f} MB  {file.name}")
    print(f"{made.folder}: {asked.name}, version {made.version}. Its card is README.md.")
    if kinds:
        print(f"Let Myna answer with it:  myna models add {made.folder}")
