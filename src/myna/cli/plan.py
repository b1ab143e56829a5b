"""``myna plan``: what so many GPUs can train, in what layout, time, energy and money."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from myna.train.plan.plan import Plan
    from myna.train.plan.verify import Verified


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("plan")(plan)


def plan(
    *,
    gpus: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 8,
    gpu: Annotated[str, typer.Option(help="Which: a100, h100, h200, b200, mi300x …")] = "h100",
    params: Annotated[
        str, typer.Option(help="Size of the model (560m, 70b), or a known one (llama-3-8b).")
    ] = "1.7b",
    active: Annotated[
        str, typer.Option(help="Of a mixture of experts: parameters active for a token.")
    ] = "",
    tokens: Annotated[
        str, typer.Option(help="To train on (15t); by default 20 a parameter (Chinchilla).")
    ] = "",
    sequence: Annotated[int, typer.Option(min=128, help="Tokens of one sequence.")] = 8192,
    batch: Annotated[str, typer.Option(help="Tokens of one step; by default by size.")] = "",
    fp8: Annotated[bool, typer.Option("--fp8", help="8-bit matrix products.")] = False,
    muon: Annotated[bool, typer.Option("--muon", help="Muon: half the optimizer state.")] = False,
    price: Annotated[float | None, typer.Option(min=0, help="US$ for a GPU hour.")] = None,
    electricity: Annotated[float, typer.Option(min=0, help="US$ a kWh, on top of it.")] = 0.0,
    failure_hours: Annotated[
        float, typer.Option(min=1, help="GPU hours between two failures.")
    ] = 50_700.0,
    published: Annotated[
        bool, typer.Option("--published", help="Compare with runs that were published.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Run one rank of `myna train pretrain` without data, count its memory."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Plan a training run: layout, memory of each GPU, speed, days, energy, money and failures.

    Arithmetic alone: it needs no GPU. docs/guide/plan.md has the formulas and their sources.
    --verify plans what `myna train pretrain` does (Muon, no pipeline) and needs 'myna[train]'.
    """
    from myna.errors import InvalidRequest
    from myna.train.plan.hardware import find_gpu
    from myna.train.plan.layout import Model, muon_bytes
    from myna.train.plan.plan import Request, make_plan
    from myna.train.plan.shape import KNOWN, count_of, shape_for

    if published:
        _print_published()
        return
    known = KNOWN.get(params.casefold())
    total = known.parameters if known else count_of(params, "--params")
    shape = known or shape_for(count_of(active, "--active") if active else total)
    if active and shape.parameters > 1.1 * total:
        raise InvalidRequest("--active: no more parameters can be active than there are.")
    if sequence > 2_000_000:
        raise InvalidRequest("--sequence: give at most 2,000,000 tokens.")
    request = Request(
        gpu=find_gpu(gpu),
        gpus=gpus,
        model=Model(
            shape,
            total if active else shape.parameters,
            muon_bytes(shape) if muon or verify else 8.0,
        ),
        tokens=count_of(tokens, "--tokens") if tokens else 20.0 * shape.parameters,
        sequence=sequence,
        batch_tokens=count_of(batch, "--batch") if batch else 0.0,
        fp8=fp8,
        gpu_hours_a_failure=failure_hours,
        usd_per_gpu_hour=price,
        usd_per_kwh=electricity,
        ours=verify,
    )
    if fp8 and request.gpu.fp8_tflops is None:
        raise InvalidRequest(f"--fp8: {request.gpu.name} has no 8-bit matrix products.")
    made = make_plan(request)
    told = asdict(made) | {"memory_total": made.memory.total}
    if not as_json:
        _print(made)
    if verify:
        found = _verified(made)
        told["verified"] = asdict(found)
        if not as_json:
            _print_verified(found)
    if as_json:
        print(json.dumps(told, indent=2))


def _verified(plan: Plan) -> Verified:
    from myna.errors import ConfigurationError

    try:
        from myna.train.plan.verify import verify
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed. Install the extra: pip install 'myna[train]'"
        ) from None
    return verify(plan)


def _print_verified(found: Verified) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("GiB on a GPU", "planned", "program", "error")
    rows = [(one.name, one.planned, one.measured) for one in found.terms]
    for name, planned, measured in [*rows, ("all of these", found.planned, found.measured)]:
        error = f"{planned / measured - 1:+.0%}" if measured else ""
        table.add_row(name, f"{planned / 2**30:,.2f}", f"{measured / 2**30:,.2f}", error)
    console = Console()
    console.print(table)
    console.print(
        f"One of {found.ranks:,} ranks, run in {found.seconds:,.1f} s and "
        f"{found.resident_bytes / 2**30:,.2f} GiB here."
    )


def _print(plan: Plan) -> None:
    from rich.console import Console
    from rich.table import Table

    request, layout, shape = plan.request, plan.layout, plan.request.model.shape
    speed, memory, safe = plan.speed, plan.memory, plan.reliability
    table = Table(show_header=False, box=None, pad_edge=False)
    experts = f", {request.model.total / 1e9:,.1f} B with all experts"
    rows = [
        ("model", f"{shape.parameters / 1e9:,.2f} B{experts if request.model.is_mixture else ''}"),
        ("", f"{shape.layers} layers, width {shape.width}, {shape.heads} heads, feed-forward {shape.ffn}"),
        ("tokens", f"{request.tokens / 1e9:,.1f} B in {plan.steps:,} steps of {plan.batch_tokens / 1e6:,.2f} M"),
        ("operations", f"{plan.flops:.2e}"),
        ("layout", f"{request.gpus:,} {request.gpu.name}: data {layout.data} (sharded over {layout.shard}), tensor {layout.tensor}, pipeline {layout.pipeline}"),
        ("", f"{layout.accumulate} micro-batches of {layout.micro_batch} x {request.sequence:,} tokens{', activations made again' if layout.recompute else ''}"),
        ("memory", f"{memory.total / 2**30:,.1f} of {request.gpu.memory_gib:,.0f} GiB on each GPU"),
        *[("", f"{name}: {size / 2**30:,.1f} GiB") for name, size in asdict(memory).items() if size],
        ("speed", f"{speed.tokens_per_s:,.0f} tokens/s, MFU {speed.mfu:.0%} (estimated; within 10 to 15 %)"),
        ("step", f"{speed.step:,.2f} s: work {speed.work:,.2f}, tensor {speed.tensor:,.2f}, data {speed.data:,.2f}, bubble {speed.bubble:,.2f}, jitter {speed.jitter:,.2f}"),
        ("failures", f"one in {safe.hours_between_failures:,.1f} h, {safe.failures:,.1f} in all; checkpoint of {safe.checkpoint_bytes / 1e9:,.0f} GB every {safe.interval_s / 60:,.1f} min; goodput {safe.goodput:.1%}"),
        ("time", f"{plan.wall_s / 86_400:,.2f} days, {plan.gpu_hours:,.0f} GPU hours"),
        ("energy", f"{plan.energy_kwh / 1000:,.2f} MWh"),
        ("money", f"US$ {plan.usd:,.0f}"),
    ]  # fmt: skip
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)


def _print_published() -> None:
    from rich.console import Console
    from rich.table import Table

    from myna.train.plan.published import CHECKS

    table = Table("run", "figure", "published", "predicted", "error", "claimed")
    for check in CHECKS:
        predicted = check.predict()
        error = predicted / check.published - 1
        table.add_row(
            check.run,
            check.figure,
            f"{check.published:,.4g}",
            f"{predicted:,.4g}",
            f"{error:+.1%}",
            f"± {check.within:.0%}",
        )
    Console(width=150).print(table)
