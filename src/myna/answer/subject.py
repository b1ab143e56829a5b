"""What a task is about, read from the store: a post with all that stands around it, or an author's
posts. Only what may be quoted is told; what may not is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from myna.answer.allowed import READ
from myna.answer.attached import quoted_uri
from myna.answer.task import Address, Task
from myna.db.engine import Database
from myna.db.posts import find_post, get_parents, get_thread
from myna.db.subjects import count_thread, find_any, latest_of_account
from myna.index.search import Searcher
from myna.post import State, StoredPost, Use

AccountOf = Callable[[str], str | None]
"""Handle → id of the account that it leads to on its network; None where it leads nowhere, or nobody can
be asked."""
MOST_READ = 5_000
"""Posts of a thread; of a longer one the first."""
MOST_ABOVE = 50
"""Posts between a post and the beginning of its thread."""
MOST_OF_AUTHOR = 400
"""An author's posts, the latest."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A post and what stands around it, all of it quotable."""

    post: StoredPost
    above: Sequence[StoredPost] = ()
    """What it answers, up to the beginning of the thread, that first."""
    quoted: StoredPost | None = None
    thread: Sequence[StoredPost] = ()
    """The whole thread, the oldest first, the post itself among them."""
    total: int = 0
    """Posts of the thread, those that were not read among them."""
    withheld: int = 0
    """Posts of the thread whose authors allow no quotation."""

    @property
    def first(self) -> StoredPost:
        """Where the thread begins, as far as it can be told."""
        return self.above[0] if self.above else self.post


@dataclass(frozen=True, slots=True)
class AuthorsPosts:
    """What an author has posted, the latest first."""

    posts: Sequence[StoredPost]
    found: bool = True
    """Whether there is such an author at all."""


def placed(db: Database, searcher: Searcher, task: Task, account_of: AccountOf) -> Task:
    """The task with the post's own URI, where an address names the author by a handle: as the index
    knows it, or else the network."""
    about = task.about
    if about is None or about.handle is None:
        return task
    hits = searcher.search(f"from:{about.handle}", limit=1, sort="latest").hits
    uris = tuple(filter(None, (about.by(hit.post.post.author.id) for hit in hits)))
    with db.begin() as conn:
        there = bool(uris) and find_any(conn, uris, about.network) is not None
    if not there and (author := account_of(about.handle)):
        uris = (about.by(author) or "", *uris)
    return replace(task, about=Address((*uris, *about.uris), about.network))


def read_subject(
    db: Database, task: Task, without: Callable[[StoredPost], bool], *, whole: bool
) -> Subject | None:
    """The post of a task; with its ``whole`` thread, or only what stands above it and what it quotes.
    None where it is not there."""
    if task.about is None:
        return None
    with db.begin() as conn:
        post = find_any(conn, task.about.uris, task.about.network)
        if post is None:
            return None
        above: list[StoredPost] = []
        while len(above) < MOST_ABOVE:
            lowest = above[0] if above else post
            parent = get_parents(conn, [lowest]).get(lowest.id)
            if parent is None or parent.id in {post.id, *(one.id for one in above)}:
                break
            above.insert(0, parent)
        network = post.post.network
        quoted = None
        if uri := quoted_uri(post.post.raw):
            quoted = find_post(conn, network, uri)
        thread, total = [post], 1
        if whole:
            everything = get_thread(conn, network, post.thread, MOST_READ)
            thread = [one for one in everything if one.state is State.LIVE]
            total = len(thread)
            if len(everything) == MOST_READ:
                total = count_thread(conn, network, post.thread)
    told = [one for one in thread if not without(one)]
    kept = [one for one in told if _quotable(one)]
    return Subject(
        post,
        [one for one in above if _quotable(one) and not without(one)],
        quoted if quoted and _quotable(quoted) else None,
        kept,
        total - (len(thread) - len(told)),
        len(told) - len(kept),
    )


def read_author(
    db: Database, searcher: Searcher, task: Task, without: Callable[[StoredPost], bool]
) -> AuthorsPosts:
    """An author's posts, if the author lets them be quoted and written from."""
    one: StoredPost | None = None
    if task.handle:
        found = searcher.search(f"from:{task.handle}", limit=1, sort="latest")
        one = found.hits[0].post if found.hits else None
    with db.begin() as conn:
        if task.about is not None:
            one = find_any(conn, task.about.uris, task.about.network)
        if one is None:
            return AuthorsPosts((), found=False)
        posts = latest_of_account(conn, one.account, MOST_OF_AUTHOR)
    return AuthorsPosts([post for post in posts if not post.refused & READ and not without(post)])


def _quotable(post: StoredPost) -> bool:
    return Use.QUOTE not in post.refused
