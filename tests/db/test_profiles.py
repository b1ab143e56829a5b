"""What is told of accounts and of who may reply, apart from posts."""

from __future__ import annotations

from datetime import UTC, datetime

from myna.db.engine import Database
from myna.db.posts import apply_events, find_post, last_seq
from myna.db.profiles import reply_rules, unnamed_accounts
from myna.post import Author, Event, Kind, Post, Profile, ReplyRule

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def create(uri: str, by: Author | None = None) -> Event:
    by = by or Author("net", "did:1", "")
    return Event(Kind.CREATE, "net", uri, Post("net", uri, by, f"says {uri}", NOW))


def profile(
    handle: str | None = None, name: str | None = None, is_bot: bool | None = None
) -> Event:
    return Event(Kind.PROFILE, "net", "did:1", told=Profile(handle, name, is_bot))


def rule(uri: str, *allow: str) -> Event:
    return Event(Kind.RULE, "net", uri, told=ReplyRule(allow))


def apply(db: Database, *events: Event) -> None:
    with db.begin() as conn:
        apply_events(conn, events, now=NOW)


def author(db: Database, uri: str = "1") -> Author:
    with db.begin() as conn:
        found = find_post(conn, "net", uri)
    assert found
    return found.post.author


def test_an_author_of_whom_only_the_id_was_told_goes_by_it(db: Database) -> None:
    apply(db, create("1"))
    assert author(db) == Author("net", "did:1", "did:1")


def test_what_was_told_stays_when_posts_tell_nothing(db: Database) -> None:
    apply(db, create("1"), profile("ann.example", "Ann", True))
    apply(db, create("2"))
    assert author(db) == author(db, "2") == Author("net", "did:1", "ann.example", "Ann", True)


def test_a_profile_may_come_before_the_first_post_and_tell_a_part(db: Database) -> None:
    apply(db, profile("ann.example"), profile(name="Ann\x00"))
    apply(db, profile(is_bot=True), create("1"))
    assert author(db) == Author("net", "did:1", "ann.example", "Ann\ufffd", True)
    apply(db, profile(name="", is_bot=False))
    assert author(db) == Author("net", "did:1", "ann.example")


def test_followers_hear_of_a_new_handle_and_not_of_a_new_name(db: Database) -> None:
    apply(db, create("1"), create("2"))
    with db.begin() as conn:
        before = last_seq(conn)
    apply(db, profile(name="Ann"))
    with db.begin() as conn:
        assert last_seq(conn) == before
    apply(db, profile("ann.example"))
    with db.begin() as conn:
        assert last_seq(conn) == before + 2


def test_accounts_without_a_name_are_listed_one_after_the_other(db: Database) -> None:
    others = [create(str(n), Author("net", f"did:{n}", "")) for n in (2, 3, 4)]
    apply(db, create("1"), *others, profile("ann.example"))
    apply(db, Event(Kind.HIDE, "net", "did:3"))
    with db.begin() as conn:
        found = unnamed_accounts(conn, "net", after=0, limit=1)
        assert [id for _, id in found] == ["did:2"]
        rest = unnamed_accounts(conn, "net", after=found[0][0], limit=9)
    assert [id for _, id in rest] == ["did:4"]


def test_who_may_reply(db: Database) -> None:
    hiding = Event(Kind.RULE, "net", "3", told=ReplyRule(None, ("4",)))
    apply(db, rule("1"), rule("2", "mention", "follower"), hiding)
    with db.begin() as conn:
        assert reply_rules(conn, "net", ["1", "2", "3", "5"]) == {
            "1": ReplyRule(()),
            "2": ReplyRule(("mention", "follower")),
            "3": ReplyRule(None, ("4",)),
        }
    apply(db, Event(Kind.RULE, "net", "1", told=ReplyRule()))
    with db.begin() as conn:
        assert reply_rules(conn, "net", ["1"]) == {}
