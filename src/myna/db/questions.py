"""Questions that people asked on the networks and that somebody answered."""

from __future__ import annotations

from sqlalchemy import Connection, text

from myna.db.posts import VISIBLE, get_posts
from myna.post import StoredPost

_LATEST = text(
    f"""
    select p.id from posts p join authors a on a.id = p.author_id
    where {VISIBLE} and (a.refused & 2) = 0 and p.reply_to is null and not a.is_bot
        and p.text like '%?' and length(p.text) between :shortest and :longest
        and exists (
            select 1 from posts r
            where r.network = p.network and r.reply_to = p.uri and r.state = 'live'
                and r.author_id <> p.author_id
        )
    order by p.id desc limit :limit
    """
)


def latest_questions(
    conn: Connection, limit: int, *, shortest: int = 30, longest: int = 110
) -> list[StoredPost]:
    """Posts that begin a thread, end in a question mark and got a reply from somebody else.

    Newest first, of authors whose words may be quoted; ``shortest`` and ``longest`` bound their characters.
    """
    parameters = {"limit": limit, "shortest": shortest, "longest": longest}
    ids = list(conn.execute(_LATEST, parameters).scalars())
    posts = get_posts(conn, ids)
    return [posts[id] for id in ids if id in posts]
