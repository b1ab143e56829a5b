"""Figures for Prometheus at ``/metrics``. They hold no names and no texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from myna.web.parts import Parts, Ready

if TYPE_CHECKING:
    from myna.index.search import IndexStatus

router = APIRouter(tags=["status"])


class _Figures(Collector):
    def __init__(self, parts: Parts, index: IndexStatus) -> None:
        self.parts, self.index = parts, index

    def collect(self) -> Iterator[Metric]:
        answers = self.parts.chats.generations
        yield GaugeMetricFamily(
            "myna_answers_running", "Answers being written now.", value=answers.running
        )
        ended = CounterMetricFamily(
            "myna_answers", "Answers that ended, by how they ended.", labels=["state"]
        )
        for state, count in answers.ended_by_state.items():
            ended.add_metric([state], count)
        yield ended
        versions = CounterMetricFamily(
            "myna_version_answers",
            "Answers that ended, by the model's version and by what became of them.",
            labels=["version", "end"],
        )
        for (version, end), count in answers.ended_by_version.items():
            versions.add_metric([version, end], count)
        yield versions
        tokens = CounterMetricFamily(
            "myna_tokens", "Tokens read and written by the model.", labels=["kind"]
        )
        for kind, count in answers.tokens.items():
            tokens.add_metric([kind.removesuffix("_tokens")], count)
        yield tokens
        yield SummaryMetricFamily(
            "myna_first_word_seconds",
            "From the question to the first word of its answer.",
            count_value=answers.first_texts,
            sum_value=answers.first_text_s,
        )
        yield GaugeMetricFamily(
            "myna_index_lag_changes",
            "Changes that are stored and not indexed yet.",
            value=self.index.lag,
        )
        yield GaugeMetricFamily(
            "myna_index_documents", "Posts in the text index.", value=self.index.documents
        )


@router.get("/metrics", response_class=Response)
async def metrics(parts: Ready) -> Response:
    """Answers, tokens, time to the first word and the index's lag, in Prometheus' text form."""
    index = await to_thread.run_sync(parts.searcher.status)
    registry = CollectorRegistry()
    registry.register(_Figures(parts, index))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
