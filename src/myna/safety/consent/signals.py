"""What a network's record says about uses of an author's posts. Pure.

Only what a record means is kept: of a profile's text, that it has ``#nobot`` in it. A record of an
unknown shape says nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from myna.post import ALL_USES, NO_USE, Signal, Use
from myna.safety.consent.decision import Said, Scope, Statement, Word, decide

AI_PREFERENCE = "community.lexicon.preference.ai"
USER_INTENTS = ("org.user-intents.declaration", "org.user-intents.demo.declaration")
AT_PROFILE = "app.bsky.actor.profile"
AT_LABEL = "com.atproto.label.defs#label"
MASTODON_ACCOUNT = "mastodon.account"
X_ACCOUNT = "x.account"

_PREFERENCES = {
    "training": Use.TRAIN,
    # "Use at inference time for retrieval, RAG, or context injection" is all that Myna does.
    "inference": Use.RETRIEVE | Use.QUOTE | Use.GENERATE,
    "syntheticContent": Use.GENERATE,
    "embedding": Use.EMBED,
}
_YES_TO = {"inference": Use.RETRIEVE | Use.QUOTE}
"""Where a yes says less than a no: what a model writes is asked for by ``syntheticContent``."""
_LABELS = {"!no-unauthenticated": ALL_USES, "!hide": ALL_USES, "!takedown": ALL_USES}
"""Myna shows posts to anybody, so it shows none that are for members of the network alone."""
_TAGS = {
    "nobot": ALL_USES,
    "nobots": ALL_USES,
    "noindex": Use.RETRIEVE,
    "nosearch": Use.RETRIEVE,
    "noai": Use.TRAIN | Use.GENERATE | Use.EMBED,
}
_TAG = re.compile(r"[#＃](\w+)")
_MARKUP = re.compile(r"<[^>]*>")


def read_signal(signal: Signal) -> Statement | None:
    """What a record says; None where that is nothing, or the record is gone."""
    if signal.record is None:
        return None
    scope, target = Scope.ACCOUNT, ""
    match signal.form:
        case "community.lexicon.preference.ai":
            found = _scope(signal)
            if found is None:
                return None
            scope, target = found
            says = tuple(_preferences(signal.record.get("preferences")))
        case "org.user-intents.declaration" | "org.user-intents.demo.declaration":
            says = tuple(_intents(signal.record))
        case "app.bsky.actor.profile":
            says = (
                *_tags(signal.record.get("description")),
                *_labels(signal.record.get("labels")),
            )
        case "com.atproto.label.defs#label":
            gone = bool(signal.record.get("neg"))
            says = () if gone else tuple(_label(signal.record.get("val")))
        case "mastodon.account":
            says = tuple(_mastodon(signal.record))
        case "x.account":
            says = tuple(_x(signal.record))
        case _:
            return None
    return Statement(signal.form, says, scope, target) if says else None


def allows(signal: Signal, use: Use) -> bool:
    """Whether one record by itself lets a use be: of what is read and not stored, it is all that is
    known."""
    statement = read_signal(signal)
    return use not in decide([statement] if statement else [], (), ()).effective(NO_USE)


def _scope(signal: Signal) -> tuple[Scope, str] | None:
    """What an AI preference is about. Under ``self`` it is the account, whatever it says."""
    if signal.key == "self":
        return Scope.ACCOUNT, ""
    scope = (signal.record or {}).get("scope")
    if not isinstance(scope, Mapping):
        return None
    if isinstance(entity := scope.get("entity"), str):
        return Scope.ENTITY, entity.strip().lower()
    if isinstance(collection := scope.get("collection"), str):
        return Scope.COLLECTION, collection.strip()
    return None


def _preferences(preferences: object) -> Iterator[Said]:
    if not isinstance(preferences, Mapping):
        return
    for name, uses in _PREFERENCES.items():
        if word := _word(preferences.get(name)):
            yield from _each(_YES_TO.get(name, uses) if word == "yes" else uses, word, name)


def _intents(record: Mapping[str, Any]) -> Iterator[Said]:
    name = "syntheticContentGeneration"
    if word := _word(record.get(name)):
        yield from _each(Use.TRAIN | Use.GENERATE, word, name)
    if _word(record.get("bulkDataset")) == "no":  # a training set is a snapshot
        yield Said(Use.TRAIN, "no", "bulkDataset")


def _tags(text: object) -> Iterator[Said]:
    if not isinstance(text, str):
        return
    for tag in {match[1].lower() for match in _TAG.finditer(text)}:
        yield from _each(_TAGS.get(tag, Use(0)), "no", f"#{tag}")


def _labels(labels: object) -> Iterator[Said]:
    """Labels that an account has put on itself."""
    values = labels.get("values") if isinstance(labels, Mapping) else None
    for one in values if isinstance(values, list) else ():
        if isinstance(one, Mapping):
            yield from _label(one.get("val"))


def _label(value: object) -> Iterator[Said]:
    if isinstance(value, str):
        yield from _each(_LABELS.get(value, Use(0)), "no", value)


def _mastodon(account: Mapping[str, Any]) -> Iterator[Said]:
    """Being searched is something that one has to ask for there."""
    indexable = account.get("indexable") is True
    yield Said(Use.RETRIEVE, "yes" if indexable else "no", "indexable")
    if account.get("noindex") is True:
        yield Said(Use.RETRIEVE, "no", "noindex")
    if account.get("discoverable") is False:
        yield from _each(Use.QUOTE | Use.GENERATE, "no", "discoverable")
    if account.get("suspended") is True or account.get("limited") is True:
        yield from _each(ALL_USES, "no", "suspended")
    note = account.get("note")
    if isinstance(note, str):  # a tag is a link with its # outside or inside of markup
        yield from _tags(html.unescape(_MARKUP.sub("", note)))
    fields = account.get("fields")
    for one in fields if isinstance(fields, list) else ():
        if isinstance(one, Mapping) and isinstance(value := one.get("value"), str):
            yield from _tags(html.unescape(_MARKUP.sub("", value)))


def _x(account: Mapping[str, Any]) -> Iterator[Said]:
    """X's developer policy forbids training on posts, whatever their authors say: a no of the network
    counts over a yes of the member."""
    yield Said(Use.TRAIN, "no", "developer-policy")
    if account.get("protected") is True:
        yield from _each(ALL_USES, "no", "protected")
    yield from _tags(account.get("description"))


def _word(field: object) -> Word | None:
    allow = field.get("allow") if isinstance(field, Mapping) else None
    if allow is True:
        return "yes"
    return "no" if allow is False else None


def _each(uses: Use, word: Word, why: str) -> Iterator[Said]:
    return (Said(use, word, why) for use in Use if use in uses)
