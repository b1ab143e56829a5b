"""Sentences that Myna itself says, in English and French. A model never writes these."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "fr"]

_PHRASES: dict[str, dict[Language, str]] = {
    "nothing_found": {
        "en": "I found no post that answers this.",
        "fr": "Je n’ai trouvé aucun message qui réponde à cette question.",
    },
    "too_little": {
        "en": "I cannot tell what to look for. Name the thing that it is about, and what you want to know.",
        "fr": "Je ne vois pas quoi chercher. Nommez la chose dont il s’agit, et ce que vous voulez savoir.",
    },
    "nearest": {
        "en": "I found nothing good enough to answer this. The posts shown are the nearest ones.",
        "fr": "Je n’ai rien trouvé d’assez sûr pour répondre. Les messages affichés sont les plus proches.",
    },
    "unsupported": {
        "en": "None of the posts found supports this, so do not rely on it.",
        "fr": "Aucun des messages trouvés ne le confirme : ne vous y fiez pas.",
    },
    "wrote": {"en": "@{author} wrote: “{text}”", "fr": "@{author} a écrit : « {text} »"},
    "answered": {
        "en": "Asked “{asked}”, @{author} answered: “{text}”",
        "fr": "À la question « {asked} », @{author} a répondu : « {text} »",
    },
    "nearest_notice": {
        "en": "These posts are near the question, but none was found to answer it.",
        "fr": "Ces messages sont proches de la question, mais aucun ne semble y répondre.",
    },
    "truncated": {
        "en": "The answer was cut at its longest.",
        "fr": "La réponse a été coupée à sa longueur maximale.",
    },
    "repeated": {
        "en": "The model began to repeat itself and was stopped.",
        "fr": "Le modèle se répétait et a été arrêté.",
    },
    "identity": {
        "en": (
            "I am Myna, an AI. I answer questions from the posts of this network and show which "
            "posts say it. I can be wrong: check the sources."
        ),
        "fr": (
            "Je suis Myna, une IA. Je réponds aux questions à partir des messages de ce réseau et "
            "je montre quels messages le disent. Je peux me tromper : vérifiez les sources."
        ),
    },
    "greeting": {
        "en": "Hello! Ask me what people said here, and I show you the posts that say it.",
        "fr": "Bonjour ! Demandez-moi ce qui s’est dit ici, et je vous montre les messages.",
    },
    "thanks": {
        "en": "You are welcome.",
        "fr": "Avec plaisir.",
    },
}


def phrase(name: str, language: Language, **values: str) -> str:
    """The phrase in a language, its places filled in."""
    return _PHRASES[name][language].format(**values)
