/** Français. The type makes sure that nothing is missing. */

import type { Dictionary } from "./en.ts";

const number = new Intl.NumberFormat("fr");
/** In French, zero and one are singular. */
const count = (n: number, one: string, other: string) =>
  `${number.format(n)} ${n < 2 ? one : other}`;

export const fr: Dictionary = {
  locale: "fr",
  name: "Français",

  app: {
    tagline: "Interrogez le réseau.",
    skip: "Aller à la conversation",
    untitled: "Nouvelle discussion",
    loading: "Chargement…",
    title: (page) => `${page} · Myna`,
  },

  nav: {
    label: "Discussions",
    open: "Ouvrir la liste des discussions",
    close: "Fermer la liste des discussions",
    newChat: "Nouvelle discussion",
    search: "Chercher des messages",
    about: "À propos de Myna",
    me: "Vos messages",
    menu: "Langue et thème",
    empty: "Vos discussions apparaîtront ici.",
    failed: "La liste des discussions n’a pas pu être chargée.",
    today: "Aujourd’hui",
    yesterday: "Hier",
    week: "7 derniers jours",
    older: "Plus anciennes",
    language: "Langue",
    theme: "Thème",
    themes: { system: "Comme le système", light: "Clair", dark: "Sombre" },
    posts: (n) => count(n, "message", "messages"),
    behind: (n) => `${count(n, "nouveau message", "nouveaux messages")} en cours d’indexation`,
    upToDate: "index à jour",
    arrived: (n) => `${count(n, "nouveau message", "nouveaux messages")} à l’instant`,
  },

  chat: {
    options: (title) => `Options de « ${title} »`,
    rename: "Renommer",
    delete: "Supprimer",
    save: "Enregistrer",
    cancel: "Annuler",
    nameLabel: "Nom de la discussion",
    deleteTitle: "Supprimer cette discussion ?",
    deleteText: (title) =>
      `« ${title} » et ses réponses seront supprimées définitivement. C’est irréversible.`,
    deleted: "Discussion supprimée.",
    missing: "Cette discussion n’existe pas, ou elle a été commencée dans un autre navigateur.",
    conversation: "Conversation",
    toBottom: "Aller au dernier message",
  },

  ask: {
    label: "Votre question",
    placeholder: "Demandez ce que disent les gens…",
    followUp: "Poursuivez la conversation…",
    send: "Envoyer",
    stop: "Arrêter la réponse",
    hint: "Myna est une IA et peut se tromper. Ce sont les messages qui comptent : lisez-les.",
    notReady:
      "Le modèle démarre encore. Vous pouvez déjà demander : la réponse viendra quand il sera prêt.",
  },

  empty: {
    heading: "Interrogez le réseau.",
    text: (posts, networks) =>
      `Myna est une IA qui lit ${posts} de ${networks} et répond avec les messages qui le disent. Elle peut se tromper : chaque phrase montre le message qui l’appuie, ou dit qu’elle n’en a pas.`,
    posts: (n) => count(n, "message public", "messages publics"),
    nothing:
      "Aucun message n’est encore chargé. Chargez-en avec « myna ingest FICHIER », puis demandez.",
    try: "Essayez par exemple",
    small: (model) =>
      `Le modèle est ici ${model}, un très petit qui tourne sur cette machine : les réponses citent le meilleur message et y ajoutent une phrase du modèle quand des messages l’appuient. Un plus grand modèle écrit des réponses entières.`,
    model: (model) => `Les réponses sont écrites par ${model}.`,
    source: "Messages :",
    unreachable: "Myna est injoignable. Fonctionne-t-elle encore ?",
  },

  answer: {
    you: "Vous avez demandé",
    myna: "Myna a répondu",
    searching: "Recherche dans les messages…",
    reading: (n) => `Lecture de ${count(n, "message", "messages")}…`,
    writing: "Rédaction…",
    waiting: "En attente du modèle…",
    reconnecting: "La connexion est perdue. Nouvel essai…",
    finished: (n) =>
      n > 0 ? `Réponse terminée, ${count(n, "source", "sources")}.` : "Réponse terminée.",
    stopped: "Vous avez arrêté cette réponse.",
    interrupted:
      "Cette réponse a été interrompue par l’arrêt de Myna. Redemandez pour l’avoir entière.",
    withdrawn:
      "Un message que cette réponse lisait a été retiré par son auteur : elle a été arrêtée. Posez la question à nouveau.",
    failed: "La réponse n’a pas pu être écrite.",
    notSent: "La question n’a pas pu être envoyée.",
    retry: "Réessayer",
    copy: "Copier avec les sources",
    copied: "Copié.",
    copyFailed: "Le navigateur ne permet pas de copier ici.",
    regenerate: "Répondre à nouveau",
    edit: "Modifier la question",
    ask: "Demander",
    version: (at, of) => `Version ${at} sur ${of}`,
    previous: "Version précédente",
    next: "Version suivante",
    sourcesHeading: "Sources :",
    by: (model) => `Écrit par ${model}`,
    tokens: (read, written) =>
      `${number.format(read)} jetons lus, ${number.format(written)} écrits`,
  },

  sources: {
    heading: "Sources",
    nearest: "Messages les plus proches",
    count: (n) => count(n, "message", "messages"),
    cited: (n, of) => `${number.format(n)} sur ${number.format(of)} ${n < 2 ? "cité" : "cités"}`,
    all: "Tout afficher",
    fewer: "Afficher moins",
    number: (n) => `Source ${n}`,
    deleted: "Ce message a été supprimé.",
    leftOut: (n) =>
      `${count(n, "message a été laissé", "messages ont été laissés")} de côté à la demande de ${n < 2 ? "son auteur" : "leurs auteurs"}.`,
    withheld: "L’auteur n’autorise pas les citations : ouvrez le message pour le lire.",
    copies: (n) => `Aussi dit par ${number.format(n)}`,
    citation: (n, who) => `Source ${n}, de ${who} : l’ouvrir dans son fil`,
    citationDeleted: (n) => `Source ${n} : ce message a été supprimé`,
    unsupported: "sans source",
    unsupportedText:
      "Aucun des messages trouvés ne dit cela. C’est peut-être faux : ne vous y fiez pas.",
    unsupportedLabel: "Sans source : pourquoi ?",
  },

  removed: {
    deleted: "[retiré : l’auteur a supprimé le message]",
    withdrawn: "[retiré : l’auteur n’autorise plus cet usage]",
    edited: "[retiré : l’auteur a modifié le message]",
    expired: "[retiré : le message n’est plus conservé]",
    hidden: "[retiré : le message n’est pas visible actuellement]",
  },

  post: {
    bot: "robot",
    botText: "Ce compte est un robot",
    replyTo: (who) => `En réponse à ${who}`,
    open: "Ouvrir dans son fil",
    original: "Voir sur son réseau",
    edited: "modifié",
    deleted: "Ce message a été supprimé.",
    replayed: (when) => `Rejoué ; écrit le ${when}`,
    likes: (n) => count(n, "mention j’aime", "mentions j’aime"),
    reposts: (n) => count(n, "partage", "partages"),
    posted: (when) => `Publié ${when}`,
    tell: (who) => `Interroger Myna sur ce message de ${who}`,
    tellFailed: "Myna n’a pas pu être interrogée sur ce message.",
    telling: {
      explain: "Expliquer ce message",
      thread: "Résumer le fil",
      profile: "Résumer l’auteur",
      check: "Est-ce vrai ?",
    },
  },

  thread: {
    title: "Fil",
    heading: (n) => `Fil de ${count(n, "message", "messages")}`,
    in: (channel) => `dans ${channel}`,
    back: "Retour",
    toChats: "Demander à Myna",
    missing: "Ce message n’est pas ici : il a été supprimé, ou Myna ne l’a jamais vu.",
    highlighted: "Le message que vous avez ouvert",
  },

  search: {
    title: "Recherche",
    label: "Chercher dans les messages",
    placeholder: 'Mots, "une phrase", from:nom, since:2024-01-31 …',
    submit: "Chercher",
    relevance: "Pertinence",
    latest: "Plus récents",
    oldest: "Plus anciens",
    sort: "Ordre",
    results: (n, exact = true) =>
      exact ? count(n, "message", "messages") : `plus de ${count(n, "message", "messages")}`,
    degraded:
      "Une partie de la recherche a pris trop de temps et manque : d’autres messages conviendraient peut-être mieux.",
    chart: "Messages au fil du temps",
    chartSummary: (n, most, when) =>
      `${count(n, "message", "messages")} au fil du temps, le plus, ${number.format(most)}, à ce moment : ${when}`,
    bar: (n, when) => `${count(n, "message", "messages")}, ${when}`,
    earlier: (n) =>
      `${count(n, "message plus ancien n’est pas dessiné", "messages plus anciens ne sont pas dessinés")}`,
    origins: (n) => count(n, "origine indépendante", "origines indépendantes"),
    copies: (n, first) => `${number.format(n)} messages disent cela, d’abord @${first}`,
    took: (ms) => `en ${number.format(Math.max(1, Math.round(ms)))} ms`,
    none: "Aucun message ne correspond. Essayez avec moins de mots, ou d’autres.",
    more: "En afficher plus",
    ask: (query) => `Demander à Myna : « ${query} »`,
    help: "Ce que vous pouvez taper",
    operators: [
      ["wifi driver", "les messages avec ces mots, les plus pertinents d’abord"],
      ['"no sound"', "exactement ces mots, dans cet ordre"],
      ["grub OR lilo", "l’un ou l’autre"],
      ["printer -(hp OR epson)", "sans un mot, ou sans aucun de plusieurs"],
      ["from:nom", "écrits par un compte"],
      ["since:2008-04-24 until:2008-05-01", "dans une période"],
      ["within:7d", "pas plus vieux que sept jours"],
      ["has:links", "avec un lien ; aussi has:media, has:images, has:videos"],
      ["-is:reply", "sans les réponses"],
      ["lang:fr", "dans une langue"],
      ["domain:example.org", "qui renvoient à un site"],
      ["#mot", "avec un mot-dièse"],
      ["network:nom", "d’un seul réseau"],
      ["thread:adresse", "dans un seul fil"],
    ],
  },

  trends: {
    title: "En hausse",
    window: "Période",
    windows: { "15m": "15 min", "1h": "1 h", "6h": "6 h", "24h": "24 h" },
    explained:
      "Ce dont plus de gens parlent que d’habitude, avec leurs propres mots : les copies et les robots ne comptent pas.",
    none: "Rien ne dépasse l’habitude.",
    authors: (n) => count(n, "auteur", "auteurs"),
  },

  about: {
    title: "À propos",
    heading: "À propos de Myna",
    aiHeading: "Vous parlez à une IA",
    ai: "Myna est un programme. Elle cherche des messages que des gens ont écrits sur un réseau social, donne les meilleurs à un modèle de langage et vous montre ce qu’il écrit ; d’un très petit modèle, seulement ce que les messages appuient, sous une citation du meilleur message. Elle ne sait rien par elle-même et peut se tromper.",
    howHeading: "Comment lire une réponse",
    howCitation:
      "Un numéro après une phrase désigne un message qui l’appuie. Survolez-le pour lire le message, ouvrez-le pour voir tout le fil. C’est le code de Myna qui place ces numéros en comparant la phrase aux messages, pas le modèle.",
    howUnsupported:
      "Une phrase grise, soulignée de points et marquée « sans source » dit quelque chose qu’aucun message ne dit. Elle reste là pour que vous voyiez ce que le modèle a écrit.",
    howDeclined:
      "Quand la recherche ne trouve rien d’assez bon, Myna le dit et montre les messages les plus proches au lieu de deviner.",
    postsHeading: "D’où viennent les messages",
    license: (name) => `Licence : ${name}`,
    deletion:
      "Un message que son auteur supprime disparaît ici aussi, même des anciennes réponses.",
    consent:
      "Les auteurs décident de ce qu’on peut faire de leurs messages : sur leur réseau, ou ici, où ils voient aussi dans quelles réponses leurs messages ont servi (leurs mots, jamais la question ni qui l’a posée).",
    modelHeading: "Le modèle",
    privacyHeading: "Ce qui est conservé",
    privacy:
      "Vos discussions sont gardées par le serveur que vous voyez ici et sont liées à ce navigateur par un seul cookie anonyme. Cette page n’envoie rien au serveur d’aucune autre entreprise. Supprimer une discussion l’efface.",
    keysHeading: "Touches",
    keys: [
      ["Entrée", "envoyer la question"],
      ["Maj + Entrée", "nouvelle ligne"],
      ["Échap", "arrêter la réponse, fermer ce qui est ouvert"],
      ["/", "aller à la question"],
      ["Ctrl + K", "nouvelle discussion"],
    ],
    licensesHeading: "Licences",
    licenses: "Myna est un logiciel libre sous licence Apache 2.0.",
    licensesLink: "Licences des composants de cette page",
    fontsLink: "et de ses polices",
    version: (version) => `Version ${version}`,
  },

  me: {
    title: "Vos messages",
    heading: "Vos messages dans Myna",
    text: "Myna répond à partir de messages que des gens ont écrits. Si certains sont de vous, vous décidez ici de ce qu’on peut en faire, et vous voyez où ils ont servi.",
    defaults: (refused) =>
      refused
        ? `Quand ni vous ni votre réseau ne dites rien, tout est permis sauf : ${refused}.`
        : "Quand ni vous ni votre réseau ne dites rien, tout est permis.",
    proveHeading: "Prouver qu’un compte est le vôtre",
    prove:
      "Demandez un code et publiez-le depuis votre compte, en public. Myna l’y lit et sait que c’est vous. Vous pourrez ensuite supprimer le message. Il sert une fois, pendant une heure.",
    never:
      "Ne publiez ni n’envoyez jamais un code que quelqu’un d’autre vous a donné : il lui ouvrirait cette page.",
    network: "Réseau",
    getCode: "Demander un code",
    anotherCode: "Demander un autre code",
    another: "Un autre compte",
    copyCode: "Copier le code",
    orMessage: (handle) => `Ou envoyez-le à @${handle} en message direct, depuis ce compte.`,
    signInHeading: "Ou connectez-vous avec lui",
    signInText:
      "Vous vous connectez auprès de votre réseau, puis revenez. Myna apprend quel compte est le vôtre, rien d’autre, et n’en garde aucune clé.",
    signInLabel: "Votre compte, comme nom.example ou @nom@instance.example",
    signIn: "Se connecter",
    signedIn: "Vous vous êtes connecté : le compte est le vôtre.",
    notSignedIn: "Personne ne s’est connecté. Réessayez, dans ce navigateur.",
    waiting: "En attente de votre message…",
    proven: (handle) => `Le compte ${handle} est le vôtre.`,
    failed: "Cela n’a pas pu être fait.",
    account: (handle, network) => `${handle} sur ${network}`,
    leave: "N’est plus le mien dans ce navigateur",
    left: "Oublié dans ce navigateur. Ce que vous avez dit reste.",
    usesHeading: "Ce qu’on peut faire de vos messages",
    uses: {
      retrieve: [
        "Trouver",
        "Une recherche les trouve, et ils sont montrés comme résultats ou sources.",
      ],
      quote: [
        "Citer",
        "Leurs mots sont montrés dans les réponses. Sinon, elles y renvoient seulement.",
      ],
      generate: ["Rédiger à partir d’eux", "Un modèle de langue les lit pour écrire une réponse."],
      embed: ["Comparer le sens", "On en fait des vecteurs, pour que d’autres mots les trouvent."],
      train: ["Entraîner", "Des modèles de langue sont entraînés avec eux."],
    },
    allowed: "permis",
    refused: "refusé",
    by: {
      network: (why) => (why ? `votre réseau le dit (${why})` : "votre réseau le dit"),
      member: () => "vous l’avez dit",
      operator: () => "l’exploitant l’a noté pour vous",
      default: () => "personne n’a rien dit",
    },
    follows: "cela découle de « Trouver »",
    yes: "Oui",
    no: "Non",
    unsaid: "Ne rien dire",
    choose: (use) => `Votre avis sur : ${use}`,
    networkStands: "Un non de votre réseau vaut, quoi qu’on dise ici : changez-le là-bas.",
    saved: "Cela vaut dès maintenant, aussi pour ce que vous aviez publié.",
    receiptsHeading: "Où vos messages ont servi",
    receipts: (n) => `${count(n, "fois", "fois")} jusqu’ici.`,
    noReceipts: "Ils n’ont encore servi à aucune réponse.",
    receiptsText:
      "Chaque réponse qui a reçu un de vos messages, avec les mots qui reposent dessus. Ni de qui elle est, ni la question ne sont dites.",
    export: "Tout enregistrer dans un fichier (JSON)",
    doors: { app: "dans l’application", api: "par l’API", bot: "par le robot" },
    read: (model) => `réponse de ${model}`,
    readUnknown: "réponse qui n’a pas abouti",
    quotedOnly: "cité, sans mots d’un modèle",
    notCited: "Montré comme source, pas cité.",
    notKept: "Les mots ne sont plus conservés.",
    more: "Afficher plus",
  },

  lost: {
    title: "Introuvable",
    text: "Cette page n’existe pas.",
    home: "Aller à l’accueil",
  },

  failure: {
    generic: "Quelque chose s’est mal passé.",
    unreachable: "Myna est injoignable. Vérifiez qu’elle fonctionne encore, puis réessayez.",
    retry: "Réessayer",
    crashed: "La page a rencontré une erreur. La recharger remet tout en place.",
    reload: "Recharger",
  },
};
