"""The place of the re-ranker in a search."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from myna.index.budget import Budget, Stage
from myna.index.results import Asked, Hit, Reranker
from myna.post import Use

RERANKED = 50
"""The best, which a re-ranker may put in another order."""


def reordered(
    reranker: Reranker | None,
    threads: ThreadPoolExecutor,
    asked: Asked,
    hits: list[Hit],
    budget: Budget,
) -> list[Hit]:
    """The best hits in the re-ranker's order, the others behind them.

    It makes vectors of what it reads: a post whose author refuses that is not given to it and
    keeps its place.
    """
    read = [hit for hit in hits[:RERANKED] if Use.EMBED not in hit.post.refused]
    if reranker is None or not read:
        return hits
    job = threads.submit(reranker.rerank, asked, read, budget.left)
    best = budget.wait(Stage.RERANKING, job)
    if best is None:
        budget.leave_out(Stage.RERANKING, "no time")
        return hits
    order = iter(best)
    kept = [hit if Use.EMBED in hit.post.refused else next(order) for hit in hits[:RERANKED]]
    return [*kept, *hits[RERANKED:]]
