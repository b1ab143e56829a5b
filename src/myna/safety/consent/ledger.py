"""Consent in the store: what comes in is written, weighed anew, and holds from the commit on.

Each function works in the caller's transaction; other writers wait until that ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from sqlalchemy import Connection

from myna.db import consents as store
from myna.db.consents import ChoiceRow, ConsentRow, Key, LogRow, Policy, SignalRow
from myna.db.content import MAX_KEY_BYTES, clean_event, clean_text
from myna.db.engine import Database
from myna.errors import Conflict, InvalidRequest
from myna.post import Event, Use
from myna.safety.consent.decision import (
    By,
    Choice,
    Consent,
    Ruling,
    Said,
    Scope,
    Statement,
    Word,
    decide,
    effective,
)
from myna.safety.consent.signals import read_signal
from myna.settings import Settings

Speaker = Literal["member", "operator"]
MOST_RECORDS = 50
"""Records of one account that are kept: nobody needs more to say yes and no."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts for an author, and the default where nothing was said."""

    consent: Consent
    default: Use
    version: int
    """Grows with each change of any author's consent; 0 where nothing was ever said."""
    choices: tuple[Choice, ...]
    """What the author said to Myna."""

    @property
    def refused(self) -> Use:
        """Uses that are not allowed."""
        return self.consent.effective(self.default)

    def ruling(self, use: Use) -> Ruling:
        """What counts for a use, who said so, and where."""
        return self.consent.ruling(use, self.default)


def take_signals(conn: Connection, events: Sequence[Event], *, now: datetime) -> int:
    """Write what networks say of authors; how many signals changed anything. One whose author or
    key cannot be stored is passed over."""
    given: dict[tuple[Key, str, str], SignalRow] = {}
    for event in events:
        row = _row(event)
        if row is None:
            continue
        place = ((row.network, row.author), row.form, row.key)
        before = given.get(place)
        if before is None or row.revision >= before.revision:
            given[place] = row
    if not given:
        return 0
    policy = store.lock(conn)
    keys = {key for key, _, _ in given}
    known: dict[Key, dict[tuple[str, str], SignalRow]] = {}
    for row in store.list_signals(conn, keys):
        known.setdefault((row.network, row.author), {})[row.form, row.key] = row
    changed: list[SignalRow] = []
    for (key, form, name), row in given.items():
        mine = known.setdefault(key, {})
        old = mine.get((form, name))
        if old is None and (not row.says or len(mine) >= MOST_RECORDS):
            continue
        if old is not None and (row.revision < old.revision or row == old):
            continue
        mine[form, name] = row
        changed.append(row)
    if changed:
        store.save_signals(conn, changed, now)
        settle(conn, {(row.network, row.author) for row in changed}, policy, now=now)
    return len(changed)


def choose(
    conn: Connection,
    key: Key,
    use: Use,
    word: Literal["yes", "no", "unsaid"],
    *,
    by: Speaker,
    now: datetime,
    why: str = "",
) -> Standing:
    """Write what an author says to Myna, or its operator for it.

    Raises:
        Conflict: the operator would set aside what the member said.
        InvalidRequest: the network or the author cannot be stored.
    """
    policy = store.lock(conn)
    key = (_storable(key[0], "network"), _storable(key[1], "author"))
    if by == "operator":
        for row in store.list_choices(conn, [key]):
            if row.use == use and row.by == "member" and row.word == "no" and word != "no":
                raise Conflict("The member said no. Only the member can take that back.")
    store.save_choice(conn, ChoiceRow(*key, int(use), word, by), now)
    settle(conn, [key], policy, now=now)
    standing = standing_of(conn, key)
    store.add_log(conn, [LogRow(*key, int(use), word, by, clean_text(why), standing.version, now)])
    return standing


def standing_of(conn: Connection, key: Key) -> Standing:
    """What counts for an author at this moment."""
    policy = store.read_policy(conn)
    row = store.list_consents(conn, [key]).get(key)
    choices = tuple(_choice(one) for one in store.list_choices(conn, [key]))
    consent = _consent(row) if row else Consent()
    return Standing(consent, Use(policy.refused), row.version if row else 0, choices)


def settle(conn: Connection, keys: Iterable[Key], policy: Policy, *, now: datetime) -> None:
    """Weigh anew all that was said of these authors, and write what counts."""
    wanted = list(keys)
    statements: dict[Key, list[Statement]] = {key: [] for key in wanted}
    choices: dict[Key, list[Choice]] = {key: [] for key in wanted}
    for row in store.list_signals(conn, wanted):
        statements[row.network, row.author].append(_statement(row))
    for row in store.list_choices(conn, wanted):
        choices[row.network, row.author].append(_choice(row))
    before = store.list_consents(conn, wanted)
    fresh: list[ConsentRow] = []
    for key in wanted:
        made = _made(key, decide(statements[key], choices[key], policy.names), policy)
        old = before.get(key)
        if old is None and not made.rulings:
            continue
        if old is None or old.rulings != made.rulings or old.effective != made.effective:
            fresh.append(made)
    if not fresh:
        return
    version = store.next_version(conn)
    rows = [
        ConsentRow(
            one.network, one.author, one.refused, one.allowed, one.effective, one.rulings, version
        )
        for one in fresh
    ]
    store.save_consents(conn, rows, now)
    store.add_log(
        conn,
        [log for row in rows for log in _news(before.get((row.network, row.author)), row, now)],
    )


def policy_of(settings: Settings) -> Policy:
    """What the operator set."""
    refused = Use(0)
    for name in settings.refused_uses:
        refused |= Use[name.upper()]
    return Policy(int(refused), tuple(sorted(settings.own_names)))


def adopt_policy(db: Database, settings: Settings) -> None:
    """Make the operator's settings hold, where they are others than before.

    Raises:
        DatabaseError: the store is away.
    """
    wanted = policy_of(settings)
    with db.begin() as conn:
        if store.read_policy(conn) == wanted:
            return
    with db.begin() as conn:
        known = store.lock(conn)
        store.save_policy(conn, wanted)
        if known.names != wanted.names:
            settle(conn, store.addressed_authors(conn), wanted, now=datetime.now(UTC))


def _row(event: Event) -> SignalRow | None:
    """What a signal says, as it is stored; None for what cannot be."""
    signal = event.signal
    if signal is None:
        return None
    try:
        content = clean_event(event)
        form, key = _storable(signal.form, "form"), _storable(signal.key, "key")
    except InvalidRequest:
        return None
    found = read_signal(signal)
    says = [[int(one.use), one.word, one.why] for one in found.says] if found else []
    scope, target = (found.scope.value, found.target) if found else (Scope.ACCOUNT.value, "")
    revision = clean_text(signal.revision)
    target = clean_text(target)[:MAX_KEY_BYTES]
    return SignalRow(content.network, content.uri, form, key, scope, target, says, revision)


def _storable(text: str, what: str) -> str:
    cleaned = clean_text(text)
    if not cleaned or len(cleaned.encode()) > MAX_KEY_BYTES // 2:
        raise InvalidRequest(f"The {what} is empty or too long. Check how it is written.")
    return cleaned


def _statement(row: SignalRow) -> Statement:
    says = tuple(Said(Use(use), cast("Word", word), why) for use, word, why in row.says)
    return Statement(row.form, says, Scope(row.scope), row.target)


def _choice(row: ChoiceRow) -> Choice:
    return Choice(Use(row.use), cast("Word", row.word), cast("Speaker", row.by))


def _consent(row: ConsentRow) -> Consent:
    return Consent(
        {
            Use(int(use)): Ruling(cast("Word", word), cast("By", by), why)
            for use, (word, by, why) in row.rulings.items()
        }
    )


def _made(key: Key, consent: Consent, policy: Policy) -> ConsentRow:
    rulings = {
        str(int(use)): [ruling.word, ruling.by, ruling.why]
        for use, ruling in sorted(consent.rulings.items())
    }
    refused, allowed = consent.refused, consent.allowed
    in_the_end = effective(refused, allowed, Use(policy.refused))
    return ConsentRow(*key, int(refused), int(allowed), int(in_the_end), rulings)


def _news(old: ConsentRow | None, new: ConsentRow, now: datetime) -> list[LogRow]:
    """What changed by a network's record: what is said to Myna is noted where it is said."""
    before = old.rulings if old else {}
    rows: list[LogRow] = []
    for use in sorted({*before, *new.rulings}, key=int):
        was, now_is = before.get(use), new.rulings.get(use)
        word, by, why = now_is or ("unsaid", "network", "")
        from_network = by == "network" and (now_is is not None or (was or ["", ""])[1] == "network")
        if from_network and (was is None or now_is is None or list(was) != list(now_is)):
            rows.append(LogRow(new.network, new.author, int(use), word, by, why, new.version, now))
    return rows
