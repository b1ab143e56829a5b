"""The plan: beside published runs, and for any hardware."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from myna.cli import build_app
from myna.errors import InvalidRequest
from myna.train.plan.failures import reliability_of
from myna.train.plan.hardware import GPUS, find_gpu
from myna.train.plan.layout import Layout, Model, layouts, memory_of, muon_bytes
from myna.train.plan.plan import Request, make_plan, plan_of
from myna.train.plan.published import CHECKS, Check
from myna.train.plan.shape import KNOWN, count_of, shape_for
from myna.train.plan.speed import speed_of
from myna.train.plan.verify import verify

BILLION = 1e9


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.run}: {check.figure}")
def test_published_figures_are_met_within_the_stated_error(check: Check) -> None:
    assert check.predict() == pytest.approx(check.published, rel=check.within)


@given(st.floats(5e6, 2e12))
@settings(deadline=None, max_examples=60)
def test_a_shape_has_about_the_parameters_that_were_asked_for(parameters: float) -> None:
    shape = shape_for(parameters)
    assert shape.parameters == pytest.approx(parameters, rel=0.3 if parameters < 1e8 else 0.15)
    assert shape.heads % shape.kv_heads == 0
    assert shape.width == shape.heads * shape.head_dim


@given(
    st.sampled_from(sorted(GPUS)),
    st.sampled_from([1, 2, 4, 8, 64, 1000, 10_000]),
    st.floats(2e7, 5e11),
    st.sampled_from([512, 2048, 8192, 131_072]),
    st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_any_plan_fits_and_adds_up_or_says_what_to_change(
    gpu: str, gpus: int, parameters: float, sequence: int, fp8: bool
) -> None:
    shape = shape_for(parameters)
    model = Model(shape, shape.parameters)
    try:
        plan = make_plan(Request(GPUS[gpu], gpus, model, 1e11, sequence, fp8=fp8))
    except InvalidRequest as error:
        assert "--gpus" in str(error)
        return
    assert plan.layout.gpus == gpus
    assert plan.memory.fits(GPUS[gpu])
    assert 0 < plan.speed.mfu < 1
    assert 0 < plan.reliability.goodput < 1
    assert plan.wall_s > plan.train_s
    assert plan.steps * plan.batch_tokens == pytest.approx(1e11, rel=0.05) or plan.steps == 1


def test_sharding_divides_the_state_and_recomputing_the_activations() -> None:
    model = Model(KNOWN["llama-3-8b"], KNOWN["llama-3-8b"].parameters)
    alone = memory_of(model, Layout(1, 1, 8, 1, 1, 1, recompute=False), 8192)
    sharded = memory_of(model, Layout(1, 1, 8, 8, 1, 1, recompute=False), 8192)
    assert sharded.optimizer == pytest.approx(alone.optimizer / 8)
    assert sharded.weights == pytest.approx(alone.weights * 4 / 6 / 8)  # no 16-bit copy is held
    again = memory_of(model, Layout(1, 1, 8, 8, 1, 1, recompute=True), 8192)
    assert again.activations < sharded.activations / 5
    muon = memory_of(
        replace(model, state_bytes=4.0), Layout(1, 1, 8, 8, 1, 1, recompute=False), 8192
    )
    assert muon.optimizer < sharded.optimizer


@pytest.mark.parametrize(
    "layout",
    [
        Layout(1, 1, 8, 8, 1, 1, recompute=False),
        Layout(1, 1, 16, 8, 2, 1, recompute=True),
        Layout(4, 1, 64, 32, 1, 1, recompute=False),
    ],
    ids=["fsdp", "hsdp, recomputed", "tensor"],
)
def test_the_program_holds_what_the_plan_says(layout: Layout) -> None:
    shape = replace(KNOWN["llama-3-8b"], layers=8)
    model = Model(shape, shape.parameters, muon_bytes(shape))
    found = verify(plan_of(Request(GPUS["h100"], layout.gpus, model, 1e12, 4096), layout))
    state = found.terms[:3]
    assert [one.name for one in state] == ["weights", "gradients", "optimizer"]
    for one in state:
        assert one.measured == pytest.approx(one.planned, rel=0.02)
    assert found.planned == pytest.approx(found.measured, rel=0.12)
    assert found.ranks == layout.gpus


def test_what_the_trainer_has_not_is_not_verified() -> None:
    model = Model(KNOWN["llama-3-8b"], KNOWN["llama-3-8b"].parameters)
    layout = Layout(1, 2, 8, 8, 1, 1, recompute=False)
    with pytest.raises(InvalidRequest, match="no pipeline"):
        verify(plan_of(Request(GPUS["h100"], 16, model, 1e12), layout))


def test_more_failures_leave_less_and_are_saved_from_more_often() -> None:
    few = reliability_of(1_000, 70e9, 8, 1e6)
    many = reliability_of(16_000, 70e9, 8, 1e6)
    assert many.goodput < few.goodput
    assert many.interval_s < few.interval_s
    assert many.failures > few.failures


def test_a_mixture_of_experts_holds_all_and_computes_with_some() -> None:
    active = shape_for(37 * BILLION)
    dense, mixture = Model(active, active.parameters), Model(active, 671 * BILLION)
    layout = Layout(8, 16, 16, 16, 1, 16, recompute=True)
    assert mixture.is_mixture
    assert (
        memory_of(mixture, layout, 4096).optimizer > 10 * memory_of(dense, layout, 4096).optimizer
    )
    fast = speed_of(dense, GPUS["h800"], layout, 4096).tokens_per_s
    assert speed_of(mixture, GPUS["h800"], layout, 4096).tokens_per_s < fast


def test_too_little_memory_says_how_many_gpus_it_takes() -> None:
    shape = shape_for(70 * BILLION)
    with pytest.raises(InvalidRequest, match="at least"):
        make_plan(Request(GPUS["h100"], 8, Model(shape, shape.parameters), 1e12))
    assert layouts(GPUS["h100"], 64, Model(shape, shape.parameters), 8192, 4e6)


@pytest.mark.parametrize(("text", "number"), [("560m", 5.6e8), ("70B", 7e10), ("1_000", 1000)])
def test_numbers_with_units(text: str, number: float) -> None:
    assert count_of(text, "--params") == number


@pytest.mark.parametrize("text", ["", "b", "-3b", "nan", "many", "inf"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--params"):
        count_of(text, "--params")


def test_an_unknown_gpu_is_told_with_the_known_ones() -> None:
    assert find_gpu("H-100") is GPUS["h100"]
    with pytest.raises(InvalidRequest, match="h100"):
        find_gpu("abacus")


def test_the_command() -> None:
    runner = CliRunner()
    app = build_app("plan")
    result = runner.invoke(
        app, ["plan", "--gpus", "10000", "--params", "70b", "--tokens", "15t", "--json"]
    )
    assert result.exit_code == 0, result.output
    made = json.loads(result.output)
    assert made["layout"]["tensor"] * made["layout"]["pipeline"] * made["layout"]["data"] == 10_000
    words = ["plan", "--gpus", "8", "--params", "124m", "--sequence", "1024", "--verify", "--json"]
    verified = json.loads(runner.invoke(app, words).output)["verified"]
    assert verified["ranks"] == 8 and len(verified["terms"]) == 6
    assert "Llama 3 405B" in runner.invoke(app, ["plan", "--published"]).output
    assert "MFU" in runner.invoke(app, ["plan", "--gpus", "1", "--params", "124m"]).output
