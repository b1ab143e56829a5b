"""How the versions of the model do, from the answers that are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Float, Integer, cast, func, select

from myna.db.tables import messages


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one version's answers."""

    version: str
    answers: int
    """That have ended, stopped ones among them."""
    failed: int
    declined: int
    first_word_ms: int | None
    """The median; of a small model it is often a quotation's, which needs no model."""
    tokens_per_s: float | None
    """That the model wrote, over the whole time of the answers in which it wrote."""
    first: datetime
    last: datetime


def read_figures(conn: Connection, since: datetime) -> list[Figures]:
    """Of all versions that answered since then, the latest first."""
    columns = messages.c
    written = cast(columns.usage["completion_tokens"].astext, Integer)
    seconds = func.extract("epoch", columns.finished_at - columns.created_at)
    wrote = written > 0
    rows = conn.execute(
        select(
            columns.model_version,
            func.count(),
            func.count().filter(columns.state == "failed"),
            func.count().filter(columns.outcome == "declined"),
            func.percentile_cont(0.5).within_group(columns.first_word_ms),
            cast(func.sum(written).filter(wrote), Float)
            / func.nullif(cast(func.sum(seconds).filter(wrote), Float), 0.0),
            func.min(columns.finished_at),
            func.max(columns.finished_at),
        )
        .where(columns.role == "assistant")
        .where(columns.finished_at >= since)
        .where(columns.model_version.is_not(None))
        .group_by(columns.model_version)
        .order_by(func.max(columns.finished_at).desc())
    )
    return [
        Figures(
            version,
            count,
            failed,
            declined,
            None if first is None else round(first),
            None if rate is None else float(rate),
            begun,
            ended,
        )
        for version, count, failed, declined, first, rate, begun, ended in rows
    ]
