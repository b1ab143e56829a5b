"""What counts, whatever is said in whatever order."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from myna.post import ALL_USES, NO_USE, Use
from myna.safety.consent.decision import (
    IMPLIED,
    POSTS,
    Choice,
    Consent,
    Said,
    Scope,
    Statement,
    decide,
    effective,
)

NAMES = ("did:plc:myna", "Myna.Example")

uses = st.sampled_from(list(Use))
words = st.sampled_from(["yes", "no"])
sets = st.integers(0, int(ALL_USES)).map(Use)
said = st.builds(Said, uses, words, st.just("why"))
statements = st.builds(
    Statement,
    st.sampled_from(["a", "b", "c"]),
    st.lists(said, max_size=6).map(tuple),
    st.sampled_from(list(Scope)),
    st.sampled_from(["did:plc:myna", "myna.example", "did:plc:other", POSTS, "app.bsky.feed.like"]),
)
choices = st.builds(Choice, uses, words, st.sampled_from(["member", "operator"]))


def statement(
    word: str, scope: Scope = Scope.ACCOUNT, target: str = "", family: str = "ai"
) -> Statement:
    return Statement(family, (Said(Use.TRAIN, word, "training"),), scope, target)  # type: ignore[arg-type]


def train(*given: Statement, choices: tuple[Choice, ...] = ()) -> str | None:
    ruling = decide(given, choices, NAMES).rulings.get(Use.TRAIN)
    return ruling.word if ruling else None


def test_the_narrower_record_counts() -> None:
    entity = statement("yes", Scope.ENTITY, "myna.example")
    collection = statement("no", Scope.COLLECTION, POSTS)
    account = statement("yes")
    for order in permutations([entity, collection, account]):
        assert train(*order) == "yes"
    assert train(collection, account) == "no"
    assert train(statement("no"), statement("yes", Scope.COLLECTION, POSTS)) == "yes"


def test_what_is_said_to_others_or_of_other_records_does_not_count() -> None:
    assert train(statement("no", Scope.ENTITY, "did:plc:other")) is None
    assert train(statement("no", Scope.COLLECTION, "app.bsky.feed.like")) is None


def test_an_override_leaves_the_uses_that_it_does_not_name() -> None:
    override = Statement("ai", (Said(Use.EMBED, "no", "embedding"),), Scope.ENTITY, "did:plc:myna")
    consent = decide([override, statement("no")], [], NAMES)
    assert consent.refused == Use.EMBED | Use.TRAIN


def test_a_no_of_another_record_or_of_the_member_counts() -> None:
    assert train(statement("yes"), statement("no", family="label")) == "no"
    assert train(statement("yes"), choices=(Choice(Use.TRAIN, "no", "member"),)) == "no"
    assert train(statement("no"), choices=(Choice(Use.TRAIN, "yes", "member"),)) == "no"


def test_the_members_yes_counts_where_the_network_says_nothing() -> None:
    consent = decide([], [Choice(Use.TRAIN, "yes", "member")], NAMES)
    assert consent.effective(Use.TRAIN) == NO_USE
    assert consent.ruling(Use.TRAIN, Use.TRAIN).by == "member"


def test_what_must_not_be_found_is_not_quoted_either_and_says_why() -> None:
    consent = decide(
        [Statement("mastodon", (Said(Use.RETRIEVE, "no", "indexable"),))],
        [Choice(Use.QUOTE, "yes", "member")],
        NAMES,
    )
    assert consent.effective(NO_USE) == Use.RETRIEVE | IMPLIED
    quote = consent.ruling(Use.QUOTE, NO_USE)
    assert (quote.word, quote.by, quote.why) == ("no", "network", "indexable")
    assert consent.ruling(Use.TRAIN, Use.TRAIN).by == "default"


@given(st.lists(statements, max_size=6), st.lists(choices, max_size=6), sets)
def test_no_order_matters_and_every_use_has_one_answer(
    given_statements: list[Statement], given_choices: list[Choice], default: Use
) -> None:
    latest = list({choice.use: choice for choice in given_choices}.values())
    consent = decide(given_statements, latest, NAMES)
    turned = decide(given_statements[::-1], latest[::-1], NAMES)
    assert (consent.refused, consent.allowed) == (turned.refused, turned.allowed)
    assert not consent.refused & consent.allowed
    refused = consent.effective(default)
    for use in Use:
        assert (consent.ruling(use, default).word == "no") == (use in refused)


@given(st.lists(statements, max_size=6), st.lists(choices, max_size=6), sets)
def test_a_members_no_always_holds_and_a_yes_never_lifts_a_no(
    given_statements: list[Statement], given_choices: list[Choice], default: Use
) -> None:
    latest = list({choice.use: choice for choice in given_choices}.values())
    consent = decide(given_statements, latest, NAMES)
    alone = decide(given_statements, [], NAMES)
    refused = consent.effective(default)
    for choice in latest:
        if choice.word == "no":
            assert choice.use in refused
    assert alone.refused & ~refused == NO_USE


@given(sets, sets, sets)
def test_more_refusals_never_allow_more(refused: Use, allowed: Use, default: Use) -> None:
    allowed &= ~refused
    fewer = effective(refused, allowed, NO_USE)
    more = effective(refused, allowed, default)
    assert fewer & ~more == NO_USE
    assert refused & ~fewer == NO_USE


def test_nothing_said_is_the_default() -> None:
    assert Consent().effective(Use.TRAIN) == Use.TRAIN
    assert Consent().ruling(Use.RETRIEVE, Use.TRAIN).word == "yes"
