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
    "no_post": {
        "en": "I do not have this post: it was deleted, its author does not want it found, or I never saw it.",
        "fr": "Je n’ai pas ce message : il a été supprimé, son auteur ne veut pas qu’on le trouve, ou je ne l’ai jamais vu.",
    },
    "refused_post": {
        "en": "The author of this post does not allow me to quote it or write from it.",
        "fr": "L’auteur de ce message ne permet pas que je le cite ou que j’écrive à partir de lui.",
    },
    "refused_profile": {
        "en": "I tell what an author posts about only where the author allows it. This one does not, or I have none of the posts.",
        "fr": "Je dis de quoi parle un auteur seulement s’il le permet. Celui-ci ne le permet pas, ou je n’ai aucun de ses messages.",
    },
    "no_author": {
        "en": "I have no post of an author of this name.",
        "fr": "Je n’ai aucun message d’un auteur de ce nom.",
    },
    "wrote_on": {
        "en": "On {date}, @{author} wrote: “{text}”",
        "fr": "Le {date}, @{author} a écrit : « {text} »",
    },
    "pictured": {
        "en": "@{author} describes the picture: “{text}”",
        "fr": "@{author} décrit l’image : « {text} »",
    },
    "replied_to": {
        "en": "It answers @{author}, who wrote: “{text}”",
        "fr": "Il répond à @{author}, qui a écrit : « {text} »",
    },
    "quotes": {
        "en": "It quotes @{author}: “{text}”",
        "fr": "Il cite @{author} : « {text} »",
    },
    "begins": {
        "en": "The thread begins with @{author}: “{text}”",
        "fr": "Le fil commence par @{author} : « {text} »",
    },
    "means": {
        "en": "What “{term}” is, @{author} says: “{text}”",
        "fr": "Ce qu’est « {term} », @{author} le dit : « {text} »",
    },
    "elsewhere": {
        "en": "On the same subject, @{author} wrote: “{text}”",
        "fr": "Sur le même sujet, @{author} a écrit : « {text} »",
    },
    "answers": {
        "en": "@{author} answered: “{text}”",
        "fr": "@{author} a répondu : « {text} »",
    },
    "disputes_other": {
        "en": "@{author} disputes what @{other} wrote: “{text}”",
        "fr": "@{author} conteste ce qu’a écrit @{other} : « {text} »",
    },
    "thread_of": {
        "en": "The thread has {posts} by {people}, from {start} to {end}.",
        "fr": "Le fil compte {posts} de {people}, du {start} au {end}.",
    },
    "thread_cut": {
        "en": "I have read its first {posts}.",
        "fr": "J’en ai lu les premiers : {posts}.",
    },
    "thread_alone": {
        "en": "Nobody has answered this post as far as I have seen.",
        "fr": "Personne n’a répondu à ce message, d’après ce que j’ai vu.",
    },
    "sides": {
        "en": "Of those who answer the first post, by clear words: {support} for it, {deny} against it, {query} asking for proof or more.",
        "fr": "Parmi ceux qui répondent au premier message, en termes clairs : {support} pour, {deny} contre, {query} demandant des preuves ou des précisions.",
    },
    "supports": {
        "en": "For it, @{author}: “{text}”",
        "fr": "Pour, @{author} : « {text} »",
    },
    "denies": {
        "en": "Against it, @{author}: “{text}”",
        "fr": "Contre, @{author} : « {text} »",
    },
    "asks": {
        "en": "@{author} asks: “{text}”",
        "fr": "@{author} demande : « {text} »",
    },
    "origins": {
        "en": "I found {posts} that say this, of {origins}: copies count once.",
        "fr": "J’ai trouvé {posts} qui le disent, de {origins} : les copies comptent une fois.",
    },
    "claim_sides": {
        "en": "By clear words: {support} for it, {deny} against it, {query} asking for proof or more.",
        "fr": "En termes clairs : {support} pour, {deny} contre, {query} demandant des preuves ou des précisions.",
    },
    "unverified": {
        "en": "Unverified: none of the posts for it links to a source.",
        "fr": "Non vérifié : aucun des messages qui l’affirment ne renvoie à une source.",
    },
    "unchecked": {
        "en": "Unverified by me: pages are linked in {posts} for it; I have not read them.",
        "fr": "Non vérifié par moi : des pages sont liées dans {posts} qui l’appuient ; je ne les ai pas lues.",
    },
    "no_sides": {
        "en": "Nobody here confirms or disputes it in clear words.",
        "fr": "Personne ici ne le confirme ni ne le conteste en termes clairs.",
    },
    "no_verdict": {
        "en": "I give no verdict: I only show who says what.",
        "fr": "Je ne tranche pas : je montre seulement qui dit quoi.",
    },
    "profile_of": {
        "en": "I have read {posts} of this author, from {start} to {end}.",
        "fr": "J’ai lu {posts} de cet auteur, du {start} au {end}.",
    },
    "profile_on": {
        "en": "On “{term}” ({posts}), @{author} wrote: “{text}”",
        "fr": "Sur « {term} » ({posts}), @{author} a écrit : « {text} »",
    },
    "copied": {
        "en": "It is also said by {posts}.",
        "fr": "Aussi dit par {posts}.",
    },
}


_COUNTED: dict[str, dict[Language, tuple[str, str]]] = {
    "posts": {"en": ("{n} post", "{n} posts"), "fr": ("{n} message", "{n} messages")},
    "others": {
        "en": ("{n} other post", "{n} other posts"),
        "fr": ("{n} autre message", "{n} autres messages"),
    },
    "people": {"en": ("{n} person", "{n} people"), "fr": ("{n} personne", "{n} personnes")},
    "origins": {
        "en": ("{n} independent origin", "{n} independent origins"),
        "fr": ("{n} origine indépendante", "{n} origines indépendantes"),
    },
}


def counted(n: int, noun: str, language: Language) -> str:
    """A number with its noun."""
    one, many = _COUNTED[noun][language]
    few = n == 1 or (n == 0 and language == "fr")
    figures = f"{n:,}" if language == "en" else f"{n:,}".replace(",", "\u202f")
    return (one if few else many).format(n=figures)


def phrase(name: str, language: Language, **values: str) -> str:
    """The phrase in a language, its places filled in."""
    return _PHRASES[name][language].format(**values)
