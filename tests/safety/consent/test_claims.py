"""An account is proven by a code that it posts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from myna.db.engine import Database
from myna.db.members import end_membership, list_memberships, waits_for_claim
from myna.feeds.ingest import run_source
from myna.feeds.source import Record
from myna.post import Author, Event, Kind, Post
from myna.safety.consent.claims import LIFETIME, MARK, claim, codes_in, make_code, take_proofs
from tests.safety.consent.test_ledger import NOW


def posted(text: str, by: str = "ann", network: str = "net") -> Event:
    post = Post(network, f"by {by}", Author(network, by, f"{by}.example"), text, NOW)
    return Event(Kind.CREATE, network, post.uri, post)


def ask(db: Database, viewer: str = "v") -> str:
    with db.begin() as conn:
        return claim(conn, viewer, "net", now=NOW)[0]


def take(db: Database, event: Event, *, later: timedelta = timedelta()) -> int:
    with db.begin() as conn:
        return take_proofs(conn, [event], now=NOW + later)


def accounts(db: Database, viewer: str = "v") -> list[tuple[str, str]]:
    with db.begin() as conn:
        return [(one.network, one.author) for one in list_memberships(conn, viewer)]


def test_who_posts_the_code_is_proven_and_nobody_after(db: Database) -> None:
    code = ask(db)
    with db.begin() as conn:
        assert waits_for_claim(conn, "v", NOW) == NOW + LIFETIME
    assert take(db, posted(f"Hello {code}!")) == 1
    assert take(db, posted(f"Me too: {code}", by="eve")) == 0
    assert accounts(db) == [("net", "ann")]
    assert accounts(db, "other") == []
    with db.begin() as conn:
        assert waits_for_claim(conn, "v", NOW) is None
        assert end_membership(conn, "v", "net", "ann")
        assert not end_membership(conn, "v", "net", "ann")
    assert accounts(db) == []


def test_codes_of_another_network_of_before_and_of_long_ago_are_void(db: Database) -> None:
    assert take(db, posted(ask(db), network="elsewhere")) == 0
    first, second = ask(db), ask(db)
    assert take(db, posted(first)) == 0
    assert take(db, posted(second), later=LIFETIME + timedelta(seconds=1)) == 0
    assert take(db, posted(make_code())) == 0
    assert accounts(db) == []


def test_the_live_feed_sees_it(db: Database) -> None:
    with db.begin() as conn:
        code, _ = claim(conn, "v", "net", now=datetime.now(UTC))

    class Feed:
        name = "feed"

        def read(self, cursor: str) -> list[Record]:
            del cursor
            return [Record("1", posted("something else", by="bob")), Record("2", posted(code))]

    run_source(db, Feed())  # type: ignore[arg-type]
    assert accounts(db) == [("net", "ann")]
    with db.begin() as conn:
        [mine] = list_memberships(conn, "v")
    assert mine.handle == "ann.example"
    assert mine.account > 0


@given(st.text(max_size=20), st.text(alphabet=" \n.,!)", min_size=0, max_size=3))
def test_a_code_is_found_in_what_stands_around_it(before: str, after: str) -> None:
    code = make_code()
    assert codes_in(f"{before} {code}{after}") == [code]
    assert codes_in(before) == []


def test_what_is_no_code() -> None:
    assert codes_in(MARK) == []
    assert codes_in(make_code()[:-1]) == []
    assert codes_in(make_code().upper()) == []
