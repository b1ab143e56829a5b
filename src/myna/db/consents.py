"""Rows of consent: what networks and members said, what counts, and who changed it when.

What is decided (``safety.consent``) is also written into the author's row, where every read of
posts looks: so a no holds for all posts at once. A change of what may be found or embedded is then
carried to each post under a new change number, in small batches, so that whoever follows the store
takes it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from myna.db.engine import driver_of
from myna.post import Use

Key = tuple[str, str]
"""Network and author's id."""
_EFFECTIVE = "m | case when m & 1 = 1 then 22 else 0 end"
"""As ``safety.consent.decision.effective``: what must not be found is not used otherwise."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds where nobody says anything, and whom this Myna is known as."""

    refused: int = int(Use.TRAIN)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignalRow:
    """What a record of a network says."""

    network: str
    author: str
    form: str
    key: str
    scope: str
    target: str
    says: list[list[Any]]
    """Use, yes or no, why: each."""
    revision: str


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """What was said to Myna of one use."""

    network: str
    author: str
    use: int
    word: str
    by: str


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """What counts."""

    network: str
    author: str
    refused: int
    allowed: int
    effective: int
    rulings: Mapping[str, Sequence[str]]
    """Use (its number as text) → yes or no, by whom, why."""
    version: int = 0


@dataclass(frozen=True, slots=True)
class LogRow:
    """A change."""

    network: str
    author: str
    use: int
    word: str
    by: str
    why: str
    version: int
    at: datetime


def lock(conn: Connection) -> Policy:
    """Make other writers wait until the caller's transaction ends; the operator's default."""
    driver_of(conn).execute("select from change_counter for update")
    return read_policy(conn)


def read_policy(conn: Connection) -> Policy:
    """The operator's default."""
    row = conn.execute(text("select refused, names from consent_policy")).one()
    return Policy(row.refused, tuple(row.names))


def save_policy(conn: Connection, policy: Policy) -> None:
    """Another default: it holds for all authors from the caller's commit on."""
    pg = driver_of(conn)
    pg.execute(
        f"""
        update consent_policy set refused = v.m, effective = {_EFFECTIVE}, names = %s,
            version = version + 1
        from (select %s::int as m) v
        """,
        (list(policy.names), policy.refused),
    )
    pg.execute(
        f"""
        update consents set effective = {_EFFECTIVE}
        from (
            select network, author, refused | (%s & ~allowed::int) as m from consents
        ) v
        where consents.network = v.network and consents.author = v.author
        """,
        (policy.refused,),
    )
    _spread(
        conn,
        """
        select a.id, coalesce(c.effective, p.effective) as refused
        from authors a cross join consent_policy p
        left join consents c on c.network = a.network and c.author = a.author
        """,
        {},
    )


def next_version(conn: Connection) -> int:
    """Counts the changes of all consents."""
    return conn.execute(
        text("update consent_policy set version = version + 1 returning version")
    ).scalar_one()


def consent_version(conn: Connection) -> int:
    """The number of the latest change of any consent or of the default."""
    return conn.execute(text("select version from consent_policy")).scalar_one()


def changed_authors(conn: Connection, after: int) -> list[ConsentRow]:
    """Authors whose consent has changed since a version."""
    rows = driver_of(conn).execute(
        "select network, author, refused, allowed, effective, rulings, version from consents "
        "where version > %s order by version",
        (after,),
    )
    return [ConsentRow(*row) for row in rows.fetchall()]


def list_signals(conn: Connection, keys: Iterable[Key]) -> list[SignalRow]:
    """What networks say of these authors."""
    rows = _of_keys(
        conn,
        "select t.network, t.author, form, key, scope, target, says, revision",
        "consent_signals",
        keys,
    )
    return [SignalRow(*row) for row in rows]


def save_signals(conn: Connection, rows: Sequence[SignalRow], now: datetime) -> None:
    """Write what networks say; a row that says nothing goes."""
    pg = driver_of(conn)
    with pg.cursor() as cursor:
        if gone := [row for row in rows if not row.says]:
            cursor.executemany(
                "delete from consent_signals "
                "where network = %s and author = %s and form = %s and key = %s",
                [(row.network, row.author, row.form, row.key) for row in gone],
            )
        if kept := [row for row in rows if row.says]:
            cursor.executemany(
                """
                insert into consent_signals values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (network, author, form, key) do update set scope = excluded.scope,
                    target = excluded.target, says = excluded.says,
                    revision = excluded.revision, at = excluded.at
                """,
                [
                    (
                        row.network, row.author, row.form, row.key, row.scope, row.target,
                        Jsonb(row.says), row.revision, now,
                    )
                    for row in kept
                ],
            )  # fmt: skip


def addressed_authors(conn: Connection) -> list[Key]:
    """Authors who say something to one consumer by name."""
    rows = conn.execute(
        text("select distinct network, author from consent_signals where scope = 'entity'")
    )
    return [(row.network, row.author) for row in rows]


def list_choices(conn: Connection, keys: Iterable[Key]) -> list[ChoiceRow]:
    """What these authors said to Myna."""
    rows = _of_keys(conn, 'select t.network, t.author, use, word, "by"', "consent_choices", keys)
    return [ChoiceRow(*row) for row in rows]


def save_choice(conn: Connection, row: ChoiceRow, now: datetime) -> None:
    """Write what an author says; ``unsaid`` takes it back."""
    pg = driver_of(conn)
    if row.word == "unsaid":
        pg.execute(
            "delete from consent_choices where network = %s and author = %s and use = %s",
            (row.network, row.author, row.use),
        )
        return
    pg.execute(
        """
        insert into consent_choices values (%s, %s, %s, %s, %s, %s)
        on conflict (network, author, use) do update set
            word = excluded.word, by = excluded.by, at = excluded.at
        """,
        (row.network, row.author, row.use, row.word, row.by, now),
    )


def list_consents(conn: Connection, keys: Iterable[Key]) -> dict[Key, ConsentRow]:
    """What counts of these authors, where anything was said."""
    rows = _of_keys(
        conn,
        "select t.network, t.author, refused, allowed, effective, rulings, version",
        "consents",
        keys,
    )
    return {(row[0], row[1]): ConsentRow(*row) for row in rows}


def save_consents(conn: Connection, rows: Sequence[ConsentRow], now: datetime) -> None:
    """Write what counts from now on: it holds from the caller's commit on."""
    pg = driver_of(conn)
    with pg.cursor() as cursor:
        cursor.executemany(
            """
            insert into consents values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (network, author) do update set refused = excluded.refused,
                allowed = excluded.allowed, effective = excluded.effective,
                rulings = excluded.rulings, version = excluded.version,
                changed_at = excluded.changed_at
            """,
            [
                (
                    row.network, row.author, row.refused, row.allowed, row.effective,
                    Jsonb(row.rulings), row.version, now,
                )
                for row in rows
            ],
        )  # fmt: skip
    _spread(
        conn,
        """
        select a.id, k.refused
        from unnest(%(networks)s::text[], %(authors)s::text[], %(refused)s::int[])
            as k(network, author, refused)
        join authors a on a.network = k.network and a.author = k.author
        """,
        {
            "networks": [row.network for row in rows],
            "authors": [row.author for row in rows],
            "refused": [row.effective for row in rows],
        },
    )


def _spread(conn: Connection, wanted: LiteralString, values: Mapping[str, Any]) -> None:
    """Write what is refused into the authors' rows; ``wanted`` selects their ids and that. What the
    index, the vectors or an answer bear (all but training: 23) is then carried to the posts."""
    pg = driver_of(conn)
    changed = pg.execute(
        f"""
        with wanted as ({wanted}), changed as (
            update authors set refused = w.refused,
                marked_to = case when (authors.refused # w.refused) & 23 <> 0
                    then 0 else authors.marked_to end
            from wanted w where authors.id = w.id and authors.refused <> w.refused
            returning marked_to
        )
        select count(*), count(marked_to) from changed
        """,
        values,
    ).fetchone()
    assert changed is not None
    if changed[0]:
        pg.execute("update change_counter set accounts_version = accounts_version + 1")
    if changed[1]:
        pg.execute("update change_counter set marking = true")


def add_log(conn: Connection, rows: Sequence[LogRow]) -> None:
    """Note who changed what."""
    if not rows:
        return
    with driver_of(conn).cursor() as cursor:
        cursor.executemany(
            'insert into consent_log (network, author, use, word, "by", why, version, at) '
            "values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (row.network, row.author, row.use, row.word, row.by, row.why, row.version, row.at)
                for row in rows
            ],
        )


def list_log(conn: Connection, key: Key, limit: int) -> list[LogRow]:
    """The latest changes of an author's consent, the newest first."""
    rows = driver_of(conn).execute(
        'select network, author, use, word, "by", why, version, at from consent_log '
        "where network = %s and author = %s order by id desc limit %s",
        (*key, limit),
    )
    return [LogRow(*row) for row in rows.fetchall()]


def is_marking(conn: Connection) -> bool:
    """Whether there is something to do for ``mark_posts``."""
    return conn.execute(text("select marking from change_counter")).scalar_one()


def refusing_accounts(conn: Connection, limit: int) -> list[int]:
    """Database ids of accounts that must not be found and whose posts may not bear it yet."""
    rows = conn.execute(
        text(
            "select id from authors where marked_to is not null and refused & 1 = 1 "
            "order by id desc limit :limit"
        ),
        {"limit": limit},
    )
    return list(rows.scalars())


def mark_posts(conn: Connection, limit: int) -> int:
    """Give up to ``limit`` posts of an author whose consent changed new change numbers; how many.
    Call it until there are none. Writers wait until the caller's transaction ends."""
    pg = driver_of(conn)
    row = pg.execute("select last_seq from change_counter for update").fetchone()
    assert row is not None
    account = pg.execute(
        "select id, marked_to from authors where marked_to is not null order by id limit 1"
    ).fetchone()
    if account is None:
        pg.execute("update change_counter set marking = false where marking")
        return 0
    found = pg.execute(
        """
        update posts set seq = %s + v.n
        from (
            select id, row_number() over (order by id) as n from (
                select id from posts where author_id = %s and id > %s and state = 'live'
                order by id limit %s
            ) batch
        ) v
        where posts.id = v.id
        returning posts.id
        """,
        (row[0], *account, limit),
    ).fetchall()
    pg.execute("update change_counter set last_seq = last_seq + %s", (len(found),))
    to = max((id for (id,) in found), default=0)
    done = len(found) < limit
    pg.execute(
        "update authors set marked_to = %s where id = %s", (None if done else to, account[0])
    )
    if done:
        pg.execute("update change_counter set accounts_version = accounts_version + 1")
    return len(found)


def _of_keys(
    conn: Connection, select: LiteralString, table: LiteralString, keys: Iterable[Key]
) -> list[Any]:
    wanted = list(keys)
    if not wanted:
        return []
    rows = driver_of(conn).execute(
        f"""
        {select} from unnest(%s::text[], %s::text[]) as k(network, author)
        join {table} t on t.network = k.network and t.author = k.author
        """,
        ([network for network, _ in wanted], [author for _, author in wanted]),
    )
    return rows.fetchall()
