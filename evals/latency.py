"""How long people wait, and what Myna itself adds to it.

    .venv/bin/python -m evals.latency [--questions 100] [--streams 50] [--home DIR] [--json OUT]

Runs real instances with the demo network, in a temporary home (all vectors are made first, 15
minutes) or in one that was filled before, and asks questions that people asked there, through the
app's routes:

``sources_p50_ms``, ``sources_p95_ms``
    from sending the question to the event with the sources;
``first_token_overhead_p50_ms``
    from the sources to the first word, less the time to the first word when the same prompt is sent
    straight to the model server (a fast fake upstream, so that Myna is what is measured);
``loop_stall_p50_ms``, ``loop_stall_p99_ms``, ``cpu_s_per_1000_tokens``
    while 50 answers stream at once from the fake upstream: how late the web process's event loop
    wakes from a sleep of 10 ms, and the processor time of that process;
``first_word_p50_s``
    from sending the question to the first word with the bundled model, where it was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx2
import psutil

from evals.instance import ROOT, Asked, Child, ask, demo_questions, free_port, myna_up

SLEEP_S = 0.01


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def serve(port: int, stalls_file: Path) -> None:
    """The web app in this process, with a clock beside it that writes down the loop's stalls."""
    from myna.settings import load_settings
    from myna.web.server import Server

    stalls: list[tuple[float, float]] = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(SLEEP_S)
            stalls.append((time.time(), time.perf_counter() - began - SLEEP_S))

    async def run() -> None:
        watcher = asyncio.create_task(watch())
        await Server(load_settings(port=port)).serve()
        watcher.cancel()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again at its end
    try:
        asyncio.run(run())
    finally:
        stalls_file.write_text(json.dumps(stalls))


def wait_for_index(base: str, limit_s: float) -> dict[str, Any]:
    """Wait until the index has every post and its vector; what it says of itself then."""
    limit = time.monotonic() + limit_s
    while True:
        status = httpx2.get(f"{base}/api/status", timeout=10).json()["index"]
        if status["lag"] == 0 and status["coverage"] >= 0.999:
            return status
        if time.monotonic() > limit:
            print(f"the index is not complete after {limit_s:.0f} s: {status}")
            return status
        time.sleep(1)


def direct_first_token_s(client: httpx2.Client, upstream: str, body: dict[str, Any]) -> float:
    """Time to the first word of the same request without Myna."""
    began = time.perf_counter()
    with client.stream("POST", f"{upstream}/v1/chat/completions", json=body) as response:
        for line in response.iter_lines():
            if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"].get(
                "content"
            ):
                return time.perf_counter() - began
    raise SystemExit("the upstream wrote nothing")


def measure_waiting(base: str, upstream: str, questions: Sequence[str]) -> dict[str, float]:
    """Sources and overhead, one question after the other."""
    sources: list[float] = []
    overheads: list[float] = []
    with httpx2.Client(timeout=60) as client:
        for question in questions:
            before = len(client.get(f"{upstream}/requests").json())
            asked = ask(client, base, question, whole=False)
            if asked.sources_s is None or asked.first_text_s is None:
                continue
            sources.append(asked.sources_s)
            requests = client.get(f"{upstream}/requests").json()
            if len(requests) > before and requests[-1]["body"].get("stream"):
                direct = direct_first_token_s(client, upstream, requests[-1]["body"])
                overheads.append(asked.first_text_s - asked.sources_s - direct)
    return {
        "questions": len(questions),
        "sources_p50_ms": percentile(sources, 0.5) * 1e3,
        "sources_p95_ms": percentile(sources, 0.95) * 1e3,
        "asked_of_model": len(overheads),
        "first_token_overhead_p50_ms": percentile(overheads, 0.5) * 1e3,
        "first_token_overhead_p95_ms": percentile(overheads, 0.95) * 1e3,
    }


def measure_streams(
    base: str, upstream: str, server: Child, questions: Sequence[str], streams: int
) -> tuple[dict[str, float], tuple[float, float]]:
    """``streams`` answers at once; the figures and the window of time that they took."""

    def one(question: str) -> Asked:
        with httpx2.Client(timeout=120) as client:
            return ask(client, base, question)

    process = psutil.Process(server.process.pid)
    written = sum(r["written"] for r in httpx2.get(f"{upstream}/requests").json())
    cpu, began = sum(process.cpu_times()[:2]), time.time()
    with ThreadPoolExecutor(streams) as pool:
        answers = list(pool.map(one, islice(cycle(questions), streams)))
    ended, cpu = time.time(), sum(process.cpu_times()[:2]) - cpu
    tokens = sum(r["written"] for r in httpx2.get(f"{upstream}/requests").json()) - written
    figures = {
        "streams": streams,
        "streams_complete": sum(answer.outcome is not None for answer in answers),
        "stream_tokens": tokens,
        "stream_seconds": ended - began,
        "cpu_s_per_1000_tokens": cpu / max(tokens, 1) * 1000,
    }
    return figures, (began, ended)


def measure_bundled(base: str, questions: Sequence[str], wanted: int) -> dict[str, float]:
    """The first word of the bundled model, over the questions that reach it."""
    waits: list[float] = []
    with httpx2.Client(timeout=120) as client:
        for question in questions:
            asked = ask(client, base, question)
            if asked.usage.get("completion_tokens") and asked.first_text_s is not None:
                waits.append(asked.first_text_s)
            if len(waits) == wanted:
                break
    return {
        "first_words": len(waits),
        "first_word_p50_s": percentile(waits, 0.5),
        "first_word_p95_s": percentile(waits, 0.95),
    }


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--home", type=Path, help="an existing home, which stays")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(int(args.serve[0]), Path(args.serve[1]))
        return

    home = args.home or Path(tempfile.mkdtemp(prefix="myna-latency-"))
    models = ROOT / ".cache" / "models"
    if models.is_dir() and not args.home:
        shutil.copytree(models, home / "models")
    questions = demo_questions(args.questions)
    port, web_port, fake_port = free_port(), free_port(), free_port()
    base, upstream = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{fake_port}"
    fake = Child(
        [sys.executable, "-m", "evals.fake_upstream", "--port", str(fake_port)], home / "fake.log"
    )
    quiet = {"MYNA_DEMO_PACE": "0", "MYNA_DEMO": "1"}
    faked = {**quiet, "MYNA_MODEL_URL": f"{upstream}/v1", "MYNA_MODEL_NAME": "fake-upstream"}
    stalls_file = home / "stalls.json"
    figures: dict[str, float] = {}
    try:
        with fake, myna_up(home, port, **faked) as up:
            fake.wait_for(f"{upstream}/v1/models", 30)
            up.wait_for(f"http://127.0.0.1:{port}/healthz", 600)
            index = wait_for_index(f"http://127.0.0.1:{port}", 1800)
            figures["coverage"] = index["coverage"]
            command = [sys.executable, "-m", "evals.latency", "--serve", str(web_port)]
            with Child(
                [*command, str(stalls_file)],
                home / "web.log",
                MYNA_HOME=str(home),
                MYNA_PORT=str(web_port),
                **faked,
            ) as server:
                server.wait_for(f"{base}/healthz", 60)
                with httpx2.Client(timeout=60) as client:
                    for question in questions[:5]:  # warm-up
                        ask(client, base, question)
                figures |= measure_waiting(base, upstream, questions)
                streamed, window = measure_streams(base, upstream, server, questions, args.streams)
                figures |= streamed
            stalls = [
                s for at, s in json.loads(stalls_file.read_text()) if window[0] < at < window[1]
            ]
            figures["loop_stall_p50_ms"] = percentile(stalls, 0.5) * 1e3
            figures["loop_stall_p99_ms"] = percentile(stalls, 0.99) * 1e3
            figures["loop_stall_max_ms"] = max(stalls) * 1e3
        with myna_up(home, port, **quiet) as up:
            up.wait_for(f"http://127.0.0.1:{port}/healthz", 300)
            figures |= measure_bundled(f"http://127.0.0.1:{port}", questions, 20)
    finally:
        if not args.home:
            shutil.rmtree(home, ignore_errors=True)

    limits = {
        "sources_p50_ms": 100,
        "sources_p95_ms": 250,
        "first_token_overhead_p50_ms": 30,
        "loop_stall_p99_ms": 20,
        "first_word_p50_s": 3,
    }
    print(f"{'figure':<30}{'measured':>12}{'limit':>8}")
    for name, value in figures.items():
        print(f"{name:<30}{value:>12.3f}{limits.get(name, ''):>8}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
