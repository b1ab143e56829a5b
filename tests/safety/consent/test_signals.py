"""What records of networks say, and that no record can do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.post import ALL_USES, NO_USE, Signal, Use
from myna.safety.consent.decision import Consent, Scope, decide
from myna.safety.consent.signals import (
    AI_PREFERENCE,
    AT_LABEL,
    AT_PROFILE,
    MASTODON_ACCOUNT,
    USER_INTENTS,
    read_signal,
)

RAG = Use.RETRIEVE | Use.QUOTE | Use.GENERATE


def consent(form: str, record: dict[str, Any] | None, key: str = "self") -> Consent:
    found = read_signal(Signal(form, key, record))
    return decide([found] if found else [], [], ["myna.example"])


def preferences(**allow: bool) -> dict[str, Any]:
    return {"preferences": {name: {"allow": yes} for name, yes in allow.items()}}


@pytest.mark.parametrize(
    ("record", "refused", "allowed"),
    [
        (preferences(training=False), Use.TRAIN, NO_USE),
        (preferences(inference=False), RAG, NO_USE),
        (preferences(syntheticContent=False), Use.GENERATE, NO_USE),
        (preferences(embedding=False, training=True), Use.EMBED, Use.TRAIN),
        (preferences(inference=True, syntheticContent=False), Use.GENERATE, RAG & ~Use.GENERATE),
        ({"preferences": {"training": {}}}, NO_USE, NO_USE),
        ({"preferences": {"training": {"allow": "no"}}}, NO_USE, NO_USE),
        ({"preferences": 3}, NO_USE, NO_USE),
        ({}, NO_USE, NO_USE),
    ],
)
def test_ai_preferences(record: dict[str, Any], refused: Use, allowed: Use) -> None:
    found = consent(AI_PREFERENCE, record)
    assert (found.refused, found.allowed) == (refused, allowed)


def test_an_override_names_whom_or_what_it_is_about() -> None:
    scoped = preferences(training=False)
    entity = {"$type": f"{AI_PREFERENCE}#entityScope", "entity": "Myna.example "}
    found = read_signal(Signal(AI_PREFERENCE, "3k", scoped | {"scope": entity}))
    assert found
    assert (found.scope, found.target) == (Scope.ENTITY, "myna.example")
    assert read_signal(Signal(AI_PREFERENCE, "3k", scoped | {"scope": {"x": 1}})) is None
    # Under ``self`` a record is of the account, whatever its scope says.
    found = read_signal(Signal(AI_PREFERENCE, "self", scoped | {"scope": entity}))
    assert found
    assert found.scope is Scope.ACCOUNT


def test_user_intents() -> None:
    for form in USER_INTENTS:
        found = consent(form, {"syntheticContentGeneration": {"allow": False}})
        assert found.refused == Use.TRAIN | Use.GENERATE
        assert consent(form, {"bulkDataset": {"allow": False}}).refused == Use.TRAIN
        assert consent(form, {"bulkDataset": {"allow": True}}).rulings == {}


def test_a_profile_speaks_by_its_tags_and_its_own_labels() -> None:
    assert consent(AT_PROFILE, {"description": "I paint. #NoBot"}).refused == ALL_USES
    assert consent(AT_PROFILE, {"description": "nobot nobots"}).rulings == {}
    assert consent(AT_PROFILE, {"description": "#nobotany"}).rulings == {}
    found = consent(AT_PROFILE, {"description": "#noai"})
    assert found.refused == Use.TRAIN | Use.GENERATE | Use.EMBED
    labels = {"values": [{"val": "!no-unauthenticated"}]}
    assert consent(AT_PROFILE, {"labels": labels}).refused == ALL_USES
    assert consent(AT_PROFILE, None).rulings == {}


def test_labels_that_others_put() -> None:
    assert consent(AT_LABEL, {"val": "!hide"}, "did:plc:mod/!hide").refused == ALL_USES
    assert consent(AT_LABEL, {"val": "!hide", "neg": True}).rulings == {}
    assert consent(AT_LABEL, {"val": "spam"}).rulings == {}


def test_mastodon_is_searched_only_where_it_is_asked_for() -> None:
    assert consent(MASTODON_ACCOUNT, {"indexable": True}).refused == NO_USE
    for account in ({}, {"indexable": False}, {"indexable": None}):
        assert Use.RETRIEVE in consent(MASTODON_ACCOUNT, account).refused
    assert Use.RETRIEVE in consent(MASTODON_ACCOUNT, {"indexable": True, "noindex": True}).refused
    shy = consent(MASTODON_ACCOUNT, {"indexable": True, "discoverable": False})
    assert shy.refused == Use.QUOTE | Use.GENERATE
    note = '<p>Hi <a href="/tags/nobot">#<span>nobot</span></a></p>'
    assert consent(MASTODON_ACCOUNT, {"indexable": True, "note": note}).refused == ALL_USES
    fields = [{"name": "AI", "value": "&#35;noai"}]
    tagged = consent(MASTODON_ACCOUNT, {"indexable": True, "fields": fields})
    assert Use.GENERATE in tagged.refused


def test_unknown_forms_say_nothing() -> None:
    assert read_signal(Signal("app.bsky.feed.post", "1", {"text": "#nobot"})) is None


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "preferences",
                    "training",
                    "allow",
                    "scope",
                    "entity",
                    "labels",
                    "values",
                    "val",
                    "description",
                    "note",
                    "fields",
                    "value",
                    "indexable",
                    "neg",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from([AI_PREFERENCE, *USER_INTENTS, AT_PROFILE, AT_LABEL, MASTODON_ACCOUNT, "x"]),
    st.sampled_from(["self", "3k"]),
    st.dictionaries(st.sampled_from(["preferences", "scope", "labels", "note", "val"]), json),
)
def test_any_record_can_be_read(form: str, key: str, record: dict[str, Any]) -> None:
    found = read_signal(Signal(form, key, record))
    assert found is None or found.says
