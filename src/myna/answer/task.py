"""What somebody wants told of a post: explain it, sum up its thread or its author, or say whether it
is true. Pure.

A mention under a post says it in a word or two ("is this true?"), a question in a chat says it of a
post's address. Whoever says more than that asks something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from myna.answer.events import Turn

TaskKind = Literal["explain", "thread", "profile", "check"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a post may be found: its URI is one of these, in ``network`` if that is known."""

    uris: tuple[str, ...]
    network: str | None = None

    @property
    def handle(self) -> str | None:
        """The author's handle, where the address has that in the place of the id that posts have."""
        found = _BY_HANDLE.match(self.uris[0]) if self.uris else None
        return found["handle"] if found else None

    def by(self, author: str) -> str | None:
        """The URI that it means if its handle is that of ``author`` (an id)."""
        found = _BY_HANDLE.match(self.uris[0]) if self.uris else None
        return f"at://{author}/{found['rest']}" if found else None


@dataclass(frozen=True, slots=True)
class Task:
    """What is wanted of which post, or of which author's posts."""

    kind: TaskKind
    about: Address | None = None
    handle: str = ""
    """Of an author, where no post is named."""
    brief: bool = False
    """For a reply on a network, which has room for little."""


_THIS = (
    r"(?: (?:this|that|it|the|these|what|me|us|about|on|of|for|here|above|all|whole|post|posts|tweet"
    r"|toot|skeet|thread|discussion|conversation|claim|story|says?|said|means?"
    r"|ce|cet|cette|ça|cela|ceci|le|la|les|moi|nous|ici|au-dessus|dessus|message|fil"
    r"|tout|publication|das|dies|dieser|diesen|dieses|den|die|der|mir|bitte|beitrag|faden|alles"
    r"|esto|eso|este|esta|el|hilo|mensaje|lo|publicación|isto|isso|o|a|os|fio|questo|questa|il"
    r"|filo|discussione)\b)*+"
)
"""Words that add nothing, as many as there are. The loop gives nothing back, or a long row of them
would be read in exponentially many ways."""
_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|so|and|but|please|pls|plz|myna|can|could|would|will|you|i|want|need"
    r"|to|just|bonjour|salut|et|mais|s'il|te|vous|plaît|stp|svp|peux|tu|pouvez|peux-tu|pouvez-vous"
    r"|kannst|könntest|du|bitte|und|hallo|puedes|podrías|por|favor|pode|você|puoi|hola|olá|ciao)[ ,]+)+"
    r"|(?:[ ,]+(?:please|pls|plz|myna|thanks|thank you|stp|svp|s'il (?:te|vous) plaît|merci|bitte"
    r"|danke|por favor|gracias|obrigado|per favore|grazie|then|now|really))+$"
)
_ASKED: tuple[tuple[TaskKind, re.Pattern[str]], ...] = (
    (
        "check",
        re.compile(
            r"(?:is|was|are) (?:this|that|it|these|the (?:post|claim|story) above|this (?:post|claim"
            r"|story|one)|that (?:post|claim|story))(?: really| actually| even)? (?:true|real|right"
            r"|correct|accurate|fake|false|legit|a hoax|a fact|confirmed|verified)(?: or (?:not|fake"
            r"|false))?|(?:true|real|fake|legit)|true or false|really|(?:fact|reality)[- ]?check"
            rf"{_THIS}|(?:verify|check){_THIS}|who (?:says|confirms|disputes) (?:this|that|it)"
            r"|(?:est-ce(?: que)?|c'est|ce serait|est ce)(?: (?:que )?(?:c'est|bien))?(?: vraiment"
            r"| bien)? (?:vrai|faux|exact|sûr|confirmé)|(?:c'est )?(?:vrai|faux)(?: ou faux)?"
            rf"|vrai ça|vérifie(?:z|r)?{_THIS}|(?:stimmt|ist) (?:das|dies)(?: wirklich)?(?: wahr"
            rf"| richtig)?|stimmt's|(?:ist )?das wahr|faktencheck|prüfe?{_THIS}"
            r"|(?:¿ ?)?(?:es|será) (?:esto |eso )?(?:verdad|cierto|real|falso)(?: esto| eso)?"
            r"|(?:¿ ?)?(?:esto|eso) es (?:verdad|cierto|real)|verdad"
            r"|(?:isto |isso )?(?:é|e) (?:mesmo )?(?:verdade|real)(?: isto| isso)?"
            r"|(?:questo )?(?:è|e') (?:proprio )?vero(?: questo)?"
            r"|(?:これ|それ)?(?:は)?(?:本当|ほんと|事実)(?:ですか|なの|か)?|(?:这|這)?是?(?:真的吗|真的嗎|真的|真实吗)"
            r"|(?:это )?правда(?: ли)?(?: это)?|bu doğru mu|klopt dit|czy to prawda|هل هذا صحيح"
        ),
    ),
    (
        "profile",
        re.compile(
            r"(?:summari[sz]e|sum up|explain|describe) (?:this |the |that )?(?:author|account|profile"
            r"|user|poster)(?: of)?(?: this| that| the)?(?: post| here)?|who is (?:this|that|the"
            r" author|this author)|what does (?:this|the) (?:author|account|user|person) (?:post|write"
            r"|talk)(?: about)?|profile(?: summary)?"
            r"|(?:résume(?:z|r)?|décri(?:s|vez)) (?:ce |cet |le |l')?(?:auteur|compte|profil)(?: de)?"
            r"(?: ce)?(?: message)?|qui est-ce|c'est qui|de quoi parle (?:ce|cet|le|l') ?(?:auteur"
            r"|compte|profil)|wer ist das|quién es(?: este)?"
        ),
    ),
    (
        "thread",
        re.compile(
            rf"(?:summari[sz]e|sum up|recap|tl;?dr|summary|give (?:me|us) (?:a|the) summary|a summary)"
            rf"{_THIS}|what (?:is|are) (?:this|they|the) (?:thread|discussion|people|saying|arguing)?"
            r" ?(?:about|saying|arguing)(?: about)?|(?:un |le )?résumé?(?:z|r|s)?"
            rf"{_THIS}|résum(?:e|ez|er|é){_THIS}|fais(?:-moi)? un résumé{_THIS}"
            rf"|(?:fass|fasse)(?: (?:das|dies|den|die|alles|faden|thread|diskussion))*+ zusammen"
            rf"|zusammenfassung{_THIS}|resum(?:e|en|ir|a|o){_THIS}|haz un resumen{_THIS}"
            rf"|riassumi{_THIS}|riassunto{_THIS}|(?:要約|まとめ)(?:して|てください|お願い(?:します)?)?"
            r"|(?:总结|總結|概括)(?:一下)?|(?:кратко|резюме|перескажи)|özetle|samenvatting|vat samen"
            r"|podsumuj|streszczenie|لخص"
        ),
    ),
    (
        "explain",
        re.compile(
            rf"(?:explain|eli5|context|more context|give (?:me |us )?(?:some )?context|clarify)"
            rf"{_THIS}|what (?:does|do|is|did) (?:this|that|it|they|he|she)(?: post| tweet)?"
            r"(?: mean| about| all about| say| refer to)?|what(?:'s| is) (?:this|that|it|going on)"
            r"(?: about| all about| here)?|huh|i don't (?:get|understand)(?: it| this| that)?|meaning"
            rf"|expli(?:que|quez|quer|que-moi|quez-moi|que-nous){_THIS}|contexte{_THIS}"
            r"|(?:qu'est-ce que|que)(?: ça| cela)? (?:ça )?(?:veut dire|signifie)(?: ça| cela)?"
            r"|ça veut dire quoi|de quoi (?:ça parle|s'agit-il|est-ce qu'il s'agit|parle ce message)"
            rf"|je (?:ne )?comprends pas|erklär(?:e|en)?{_THIS}|was (?:bedeutet|heißt|ist) das"
            rf"|worum geht(?:'s| es)(?: hier)?|explica(?:me|r|lo)?{_THIS}|(?:¿ ?)?qué (?:significa"
            rf"|quiere decir)(?: esto| eso)?|o que (?:significa|é|quer dizer)(?: isto| isso)?"
            rf"|spiega(?:mi|lo|re)?{_THIS}|cosa significa(?: questo)?|(?:説明|解説)(?:して|してください"
            r"|お願い(?:します)?)?|どういう(?:こと|意味)(?:ですか)?|(?:解释|解釋|说明)(?:一下)?(?:这个)?"
            r"|(?:объясни|поясни)(?: это)?|что это (?:значит|такое)|açıkla|leg uit|wyjaśnij|اشرح"
        ),
    ),
)
_HANDLE = re.compile(
    r"(?:(?:summari[sz]e|sum up|describe|résume(?:z|r)?|décri(?:s|vez))(?: what)?(?: the| le)?"
    r"(?: profile| account| posts| profil| compte| messages)?(?: of| de)?|what does|who is|qui est"
    r"|de quoi parle|profile(?: of)?|profil(?: de)?) @(?P<handle>[\w.@-]*\w)"
    r"(?: (?:posts?|writes?|talks?|tweets?)(?: about)?)?",
    re.IGNORECASE,
)
_LINK = re.compile(r"(?:at://|https?://|(?<![\w/])/p/)[^\s<>\"]+")
_PAGE = re.compile(r"(?:https?://[^/]+)?/p/(?P<network>[^/]+)/(?P<uri>[^/?#]+)")
_BLUESKY = re.compile(
    r"https?://[^/]+/profile/(?P<who>did:[^/]+|[\w-]+(?:\.[\w-]+)+)/post/(?P<key>[^/?#]+)"
)
_BY_HANDLE = re.compile(r"at://(?P<handle>(?!did:)[^/]+)/(?P<rest>.+)")
_FEDIVERSE = re.compile(r"(?P<host>https?://[^/]+)/@(?P<who>[^/@]+)/(?P<key>\d+)")
_STATUS = re.compile(r"https?://[^/]+/[^/]+/status(?:es)?/(?P<key>\d+)")


def task_asked(text: str) -> TaskKind | None:
    """What is wanted of the post that a text is about; None where it says anything else."""
    said = " ".join(_LINK.sub(" ", text).casefold().replace("’", "'").split())
    said = said.strip(" .!?…,:;-–—¿¡？。！、()\"'“”«»")
    for _ in range(2):  # with and without what is only polite
        for kind, pattern in _ASKED:
            if pattern.fullmatch(said):
                return kind
        said = _POLITE.sub("", said).strip(" ,.?!:;")
    return None


def task_of(conversation: Sequence[Turn]) -> Task | None:
    """The task of the last turn; the post is named there, or in a question before it."""
    text = conversation[-1].text
    if found := _HANDLE.fullmatch(" ".join(text.split()).strip(" ?!.:…")):
        return Task("profile", handle=found["handle"])
    kind = task_asked(text)
    if kind is None:
        return None
    asked = [turn.text for turn in conversation if turn.role == "user"]
    address = next(filter(None, map(address_in, reversed(asked))), None)
    return Task(kind, address) if address else None


def address_in(text: str) -> Address | None:
    """The post whose address a text has, if it has one; a page that is no post is none."""
    for link in _LINK.finditer(text):
        address = link.group().rstrip(".,;:!?)…»”'")
        if found := _PAGE.match(address):
            return Address((unquote(found["uri"]),), unquote(found["network"]))
        if address.startswith("at://"):
            return Address((address,))
        if found := _BLUESKY.match(address):
            return Address((f"at://{found['who']}/app.bsky.feed.post/{found['key']}",))
        if found := _FEDIVERSE.match(address):
            status = f"{found['host']}/users/{found['who']}/statuses/{found['key']}"
            return Address((address, status))
        if found := _STATUS.match(address):
            return Address((address, found["key"]))
    return None


_SAID: dict[TaskKind, tuple[str, str]] = {
    "explain": ("Explain this post:", "Explique ce message :"),
    "thread": ("Summarise this thread:", "Résume ce fil :"),
    "profile": ("Summarise the author of this post:", "Résume l’auteur de ce message :"),
    "check": ("Is this true?", "Est-ce vrai ?"),
}


def in_words(kind: TaskKind, network: str, uri: str, language: str) -> str:
    """The question that asks for a task, as somebody would write it: a chat keeps it, and no word of
    the post."""
    page = f"/p/{quote(network, safe='')}/{quote(uri, safe='')}"
    return f"{_SAID[kind][language == 'fr']} {page}"
