"""What published runs reported, beside what the plan says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from myna.train.plan.failures import reliability_of
from myna.train.plan.hardware import GPUS
from myna.train.plan.layout import Layout, Model
from myna.train.plan.plan import Plan, Request, make_plan, plan_of
from myna.train.plan.shape import KNOWN, shape_for
from myna.train.plan.speed import speed_of

_DAY_S = 86_400.0
_LLAMA = "Llama 3 405B (Grattafiori et al. 2024)"
_OPT = "OPT-175B (Zhang et al. 2022)"
_GPT = "GPT-3 175B (Brown et al. 2020)"
_DEEPSEEK = "DeepSeek-V3 (2024)"
_OLMO = "OLMo 2 (OLMo team 2025)"


@dataclass(frozen=True, slots=True)
class Check:
    """One figure of one run."""

    run: str
    figure: str
    published: float
    predict: Callable[[], float]
    within: float
    """Relative error that the plan claims for it."""


def _model(name: str) -> Model:
    return Model(KNOWN[name], KNOWN[name].parameters)


def _llama(gpus: int, data: int, accumulate: int) -> Callable[[], float]:
    """TFLOP/s a GPU in the layout of the paper's table 4."""

    def predict() -> float:
        layout = Layout(8, 16, data, data, 1, accumulate, recompute=False)
        assert layout.gpus == gpus
        speed = speed_of(_model("llama-3-405b"), GPUS["h100"], layout, 8192)
        return speed.mfu * GPUS["h100"].bf16_tflops

    return predict


def _llama_run() -> Plan:
    layout = Layout(8, 16, 128, 128, 1, 16, recompute=False)
    request = Request(GPUS["h100"], 16_384, _model("llama-3-405b"), 15.6e12)
    return plan_of(request, layout)


def _opt_days() -> float:
    layout = Layout(8, 1, 124, 124, 8, 1, recompute=True)
    speed = speed_of(_model("gpt-3-175b"), GPUS["a100"], layout, 2048)
    return 300e9 / speed.tokens_per_s / _DAY_S


def _deepseek_hours() -> float:
    model = Model(shape_for(37e9), 671e9)
    request = Request(GPUS["h800"], 2048, model, 14.8e12, 4096, batch_tokens=6.3e7, fp8=True)
    return make_plan(request).speed.tokens_per_s ** -1 * 14.8e12 * 2048 / 3600


def _flops(name: str, tokens: float) -> Callable[[], float]:
    """6 operations a parameter and token, as these papers count them."""
    return lambda: 6.0 * KNOWN[name].parameters * tokens


CHECKS = (
    Check(_LLAMA, "parameters", 405e9, lambda: KNOWN["llama-3-405b"].parameters, 0.01),
    Check(_LLAMA, "FLOPs of the run", 3.8e25, _flops("llama-3-405b", 15.6e12), 0.02),
    Check(_LLAMA, "TFLOP/s a GPU on 8,192 H100", 430, _llama(8192, 64, 32), 0.10),
    Check(_LLAMA, "TFLOP/s a GPU on 16,384 H100", 400, _llama(16_384, 128, 16), 0.10),
    Check(_LLAMA, "GPU hours (model card)", 30.84e6, lambda: _llama_run().gpu_hours, 0.15),
    Check(
        _LLAMA,
        "failures in 54 days",
        419,
        lambda: reliability_of(16_384, 405e9, 8, 54 * _DAY_S * 0.9).failures,
        0.10,
    ),
    Check(_LLAMA, "goodput (over 0.90)", 0.90, lambda: _llama_run().reliability.goodput, 0.05),
    Check(_OPT, "days for 300 B tokens on 992 A100", 33, _opt_days, 0.15),
    Check(_DEEPSEEK, "GPU hours of pretraining, FP8, 2,048 H800", 2.664e6, _deepseek_hours, 0.20),
    Check(_GPT, "parameters", 174.6e9, lambda: KNOWN["gpt-3-175b"].parameters, 0.01),
    Check(_GPT, "FLOPs of the run", 3.14e23, _flops("gpt-3-175b", 300e9), 0.02),
    Check(_OLMO, "FLOPs of the 7B run", 1.8e23, _flops("olmo-2-7b", 4.05e12), 0.05),
    Check(_OLMO, "FLOPs of the 13B run", 4.6e23, _flops("olmo-2-13b", 5.6e12), 0.05),
)
