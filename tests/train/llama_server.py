"""A llama.cpp server with any GGUF file, to compare with."""

from __future__ import annotations

import importlib
import json
import urllib.request
from pathlib import Path
from typing import Any


class LlamaServer:
    """Runs for as long as the block lasts."""

    def __init__(self, path: Path, adapter: Path | None = None) -> None:
        xllamacpp = importlib.import_module("xllamacpp")  # compiled, without type stubs
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.hostnames, params.port = ["127.0.0.1"], 0
        params.n_ctx, params.n_parallel, params.fit_params, params.warmup = 256, 1, False, False
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        if adapter is not None:
            one = xllamacpp.CommonAdapterLoraInfo()
            one.path, one.scale = str(adapter), 1.0
            params.lora_adapters = [one]
        self._server: Any = xllamacpp.Server(params)

    def __enter__(self) -> LlamaServer:
        return self

    def __exit__(self, *told: object) -> None:
        del self._server

    def token_ids(self, text: str) -> list[int]:
        """As its own tokenizer has them."""
        return self._post("/tokenize", {"content": text, "add_special": False})["tokens"]

    def chat_prompt(self, messages: list[dict[str, str]]) -> str:
        """The text that its chat template makes of a conversation."""
        return str(self._post("/apply-template", {"messages": messages})["prompt"])

    def next_tokens(self, prompt: str | list[int], count: int = 5) -> dict[int, float]:
        """The likeliest next tokens and the logarithms of their probabilities, best first."""
        letter = self.token_ids("a")[0]  # of an end, or half a letter, it tells no chances
        asked = {"prompt": prompt, "n_predict": 1, "n_probs": count, "temperature": 0}
        asked |= {"logit_bias": [[letter, 1000.0]]}
        told = self._post("/completion", asked)["completion_probabilities"][0]["top_logprobs"]
        return {one["id"]: one["logprob"] for one in told}

    def _post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        request = urllib.request.Request(
            self._server.listening_address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
