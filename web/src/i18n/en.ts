/** Every sentence that the app itself says. French must have the same shape: see fr.ts. */

const number = new Intl.NumberFormat("en");
const count = (n: number, one: string, other: string) =>
  `${number.format(n)} ${n === 1 ? one : other}`;

export const en = {
  locale: "en",
  name: "English",

  app: {
    tagline: "Ask the network.",
    skip: "Skip to the conversation",
    untitled: "New chat",
    loading: "Loading…",
    title: (page: string) => `${page} · Myna`,
  },

  nav: {
    label: "Chats",
    open: "Open the list of chats",
    close: "Close the list of chats",
    newChat: "New chat",
    search: "Search posts",
    about: "About Myna",
    me: "Your posts",
    menu: "Language and theme",
    empty: "Your chats will be listed here.",
    failed: "The list of chats cannot be loaded.",
    today: "Today",
    yesterday: "Yesterday",
    week: "Last 7 days",
    older: "Older",
    language: "Language",
    theme: "Theme",
    themes: { system: "As the system", light: "Light", dark: "Dark" },
    posts: (n: number) => count(n, "post", "posts"),
    behind: (n: number) => `${count(n, "new post", "new posts")} being indexed`,
    upToDate: "index up to date",
    arrived: (n: number) => `${count(n, "new post", "new posts")} just now`,
  },

  chat: {
    options: (title: string) => `Options of “${title}”`,
    rename: "Rename",
    delete: "Delete",
    save: "Save",
    cancel: "Cancel",
    nameLabel: "Name of the chat",
    deleteTitle: "Delete this chat?",
    deleteText: (title: string) =>
      `“${title}” and its answers are deleted for good. This cannot be undone.`,
    deleted: "Chat deleted.",
    missing: "This chat does not exist, or it was begun in another browser.",
    conversation: "Conversation",
    toBottom: "Go to the latest message",
  },

  ask: {
    label: "Your question",
    placeholder: "Ask what people say…",
    followUp: "Ask a follow-up…",
    send: "Send",
    stop: "Stop the answer",
    hint: "Myna is an AI and can err. The posts are what counts: read them.",
    notReady:
      "The model is still starting. You can ask already: the answer comes when it is ready.",
  },

  empty: {
    heading: "Ask the network.",
    text: (posts: string, networks: string) =>
      `Myna is an AI that reads ${posts} of ${networks} and answers with the posts that say so. It can err: each sentence shows the post that it rests on, or says that it has none.`,
    posts: (n: number) => count(n, "public post", "public posts"),
    nothing: "No posts are loaded yet. Load some with “myna ingest FILE”, then ask.",
    try: "Try one of these",
    small: (model: string) =>
      `The model here is ${model}, a very small one that runs on this machine: answers quote the best post, and add a sentence of the model where posts support it. A larger model writes whole answers.`,
    model: (model: string) => `Answers are written by ${model}.`,
    source: "Posts:",
    unreachable: "Myna cannot be reached. Is it still running?",
  },

  answer: {
    you: "You asked",
    myna: "Myna answered",
    searching: "Searching the posts…",
    reading: (n: number) => `Reading ${count(n, "post", "posts")}…`,
    writing: "Writing…",
    waiting: "Waiting for the model…",
    reconnecting: "The connection was lost. Trying again…",
    finished: (n: number) =>
      n > 0 ? `Answer finished, ${count(n, "source", "sources")}.` : "Answer finished.",
    stopped: "You stopped this answer.",
    interrupted: "This answer was interrupted when Myna stopped. Ask again to get a whole one.",
    withdrawn:
      "A post that this answer was reading was withdrawn by its author, so it was ended. Ask again.",
    failed: "The answer could not be written.",
    notSent: "The question could not be sent.",
    retry: "Try again",
    copy: "Copy with sources",
    copied: "Copied.",
    copyFailed: "The browser does not allow copying here.",
    regenerate: "Answer again",
    edit: "Edit the question",
    ask: "Ask",
    version: (at: number, of: number) => `Version ${at} of ${of}`,
    previous: "Previous version",
    next: "Next version",
    sourcesHeading: "Sources:",
    by: (model: string) => `Written by ${model}`,
    tokens: (read: number, written: number) =>
      `${number.format(read)} tokens read, ${number.format(written)} written`,
  },

  sources: {
    heading: "Sources",
    nearest: "Nearest posts",
    count: (n: number) => count(n, "post", "posts"),
    cited: (n: number, of: number) => `${number.format(n)} of ${number.format(of)} cited`,
    all: "Show all",
    fewer: "Show fewer",
    number: (n: number) => `Source ${n}`,
    deleted: "This post was deleted.",
    leftOut: (n: number) =>
      `${count(n, "post was", "posts were")} left out by ${n === 1 ? "its author’s" : "their authors’"} wish.`,
    withheld: "The author does not allow quotations: open the post to read it.",
    copies: (n: number) => `Also said by ${number.format(n)}`,
    citation: (n: number, who: string) => `Source ${n}, by ${who}: open it in its thread`,
    citationDeleted: (n: number) => `Source ${n}: this post was deleted`,
    unsupported: "no source",
    unsupportedText:
      "None of the posts that were found says this. It may be wrong: do not rely on it.",
    unsupportedLabel: "No source: why?",
  },

  /** In the place of what rested on a post. */
  removed: {
    deleted: "[removed: the author deleted the post]",
    withdrawn: "[removed: the author does not allow this use any more]",
    edited: "[removed: the author changed the post]",
    expired: "[removed: the post is not kept any more]",
    hidden: "[removed: the post cannot be seen now]",
  },

  post: {
    bot: "bot",
    botText: "This account is a bot",
    replyTo: (who: string) => `Replying to ${who}`,
    open: "Open in its thread",
    original: "See on its network",
    edited: "edited",
    deleted: "This post was deleted.",
    replayed: (when: string) => `Replayed; written on ${when}`,
    likes: (n: number) => count(n, "like", "likes"),
    reposts: (n: number) => count(n, "repost", "reposts"),
    posted: (when: string) => `Posted ${when}`,
    tell: (who: string) => `Ask Myna about this post by ${who}`,
    tellFailed: "Myna could not be asked about this post.",
    telling: {
      explain: "Explain this post",
      thread: "Summarise the thread",
      profile: "Summarise the author",
      check: "Is this true?",
    },
  },

  thread: {
    title: "Thread",
    heading: (n: number) => `Thread of ${count(n, "post", "posts")}`,
    in: (channel: string) => `in ${channel}`,
    back: "Back",
    toChats: "Ask Myna",
    missing: "This post is not here: it was deleted, or Myna never saw it.",
    highlighted: "The post that you opened",
  },

  search: {
    title: "Search",
    label: "Search the posts",
    placeholder: 'Words, "a phrase", from:name, since:2024-01-31 …',
    submit: "Search",
    relevance: "Best match",
    latest: "Latest",
    oldest: "Oldest",
    sort: "Order",
    results: (n: number, exact = true) =>
      exact ? count(n, "post", "posts") : `more than ${count(n, "post", "posts")}`,
    degraded: "Part of the search was late and left out: other posts may fit better.",
    chart: "Posts over time",
    chartSummary: (n: number, most: number, when: string) =>
      `${count(n, "post", "posts")} over time, most of them, ${number.format(most)}, at ${when}`,
    bar: (n: number, when: string) => `${count(n, "post", "posts")}, ${when}`,
    earlier: (n: number) => `${count(n, "earlier post is", "earlier posts are")} not drawn`,
    origins: (n: number) => count(n, "independent origin", "independent origins"),
    copies: (n: number, first: string) => `${number.format(n)} posts say this, first @${first}`,
    took: (ms: number) => `in ${number.format(Math.max(1, Math.round(ms)))} ms`,
    none: "No post matches. Fewer or other words may help.",
    more: "Show more",
    ask: (query: string) => `Ask Myna about “${query}”`,
    help: "What you can type",
    operators: [
      ["wifi driver", "posts with these words, the best match first"],
      ['"no sound"', "exactly these words, in this order"],
      ["grub OR lilo", "one or the other"],
      ["printer -(hp OR epson)", "without a word, or without any of several"],
      ["from:name", "written by one account"],
      ["since:2008-04-24 until:2008-05-01", "in a stretch of time"],
      ["within:7d", "not older than seven days"],
      ["has:links", "with a link; also has:media, has:images, has:videos"],
      ["-is:reply", "without replies"],
      ["lang:fr", "in a language"],
      ["domain:example.org", "that link to a site"],
      ["#tag", "with a tag"],
      ["network:name", "from one network"],
      ["thread:address", "inside one thread"],
    ] as [string, string][],
  },

  trends: {
    title: "Rising",
    window: "How far back",
    windows: { "15m": "15 min", "1h": "1 h", "6h": "6 h", "24h": "24 h" },
    explained:
      "What more people bring up than usual, in their own words: copies and bots count for nothing.",
    none: "Nothing is brought up more than usual.",
    authors: (n: number) => count(n, "author", "authors"),
  },

  about: {
    title: "About",
    heading: "About Myna",
    aiHeading: "You are talking to an AI",
    ai: "Myna is a program. It searches posts that people wrote on a social network, gives the best of them to a language model, and shows you what the model writes; of a very small model only what the posts support, below a quotation of the best post. It does not know anything by itself and it can err.",
    howHeading: "How to read an answer",
    howCitation:
      "A number after a sentence points to a post that supports it. Rest on the number to read the post, open it to see the whole thread. Myna’s own code sets these numbers by comparing the sentence with the posts; the model does not.",
    howUnsupported:
      "A dotted, grey sentence marked “no source” says something that none of the posts says. It is left there so that you see what the model wrote.",
    howDeclined:
      "When search finds nothing good enough, Myna says so and shows the nearest posts instead of guessing.",
    postsHeading: "Where the posts come from",
    license: (name: string) => `Licence: ${name}`,
    deletion: "A post that its author deletes disappears here too, from old answers as well.",
    consent:
      "Authors decide what may be done with their posts: on their network, or here, where they also see in which answers their posts were used (their words, never the question or who asked).",
    modelHeading: "The model",
    privacyHeading: "What is kept",
    privacy:
      "Your chats are stored by the server that you see here and belong to this browser, through one anonymous cookie. Nothing is sent to any other company’s server by this page. Deleting a chat deletes it.",
    keysHeading: "Keys",
    keys: [
      ["Enter", "send the question"],
      ["Shift + Enter", "new line"],
      ["Esc", "stop the answer, close what is open"],
      ["/", "go to the question"],
      ["Ctrl + K", "new chat"],
    ] as [string, string][],
    licensesHeading: "Licences",
    licenses: "Myna is free software under the Apache License 2.0.",
    licensesLink: "Licences of the parts of this page",
    fontsLink: "and of its fonts",
    version: (version: string) => `Version ${version}`,
  },

  me: {
    title: "Your posts",
    heading: "Your posts in Myna",
    text: "Myna answers from posts that people wrote. If some of them are yours, you decide here what may be done with them, and see where they were used.",
    defaults: (refused: string) =>
      refused
        ? `Where neither you nor your network says anything, all is allowed but: ${refused}.`
        : "Where neither you nor your network says anything, all is allowed.",
    proveHeading: "Prove that an account is yours",
    prove:
      "Get a code and post it from your account, in public. Myna reads it there and knows that it is you. You may delete the post afterwards. It works once, for an hour.",
    never:
      "Never post or send a code that somebody else gave you: it would give them this page of yours.",
    network: "Network",
    getCode: "Get a code",
    anotherCode: "Get another code",
    another: "Another account",
    copyCode: "Copy the code",
    orMessage: (handle: string) =>
      `Or send it to @${handle} in a direct message, from that account.`,
    signInHeading: "Or sign in with it",
    signInText:
      "You sign in at your network, and come back. Myna learns which account is yours and nothing else, and keeps no key to it.",
    signInLabel: "Your account, as name.example or @name@instance.example",
    signIn: "Sign in",
    signedIn: "You have signed in: the account is yours.",
    notSignedIn: "Nobody was signed in. Try again, in this browser.",
    waiting: "Waiting for your post…",
    proven: (handle: string) => `The account ${handle} is yours.`,
    failed: "This could not be done.",
    account: (handle: string, network: string) => `${handle} on ${network}`,
    leave: "Not mine in this browser any more",
    left: "Forgotten in this browser. What you said stays.",
    usesHeading: "What may be done with your posts",
    uses: {
      retrieve: ["Find", "They are found by a search and shown as results or sources."],
      quote: ["Quote", "Their words are shown in answers. Otherwise answers only link to them."],
      generate: ["Write from them", "A language model reads them to write an answer."],
      embed: [
        "Compare meaning",
        "Vectors are made of them, so that questions in other words find them.",
      ],
      train: ["Train", "Language models are trained on them."],
    } as Record<string, [string, string]>,
    allowed: "allowed",
    refused: "not allowed",
    by: {
      network: (why: string) => (why ? `your network says so (${why})` : "your network says so"),
      member: () => "you said so",
      operator: () => "the operator wrote it down for you",
      default: () => "nobody said anything",
    } as Record<string, (why: string) => string>,
    follows: "it follows from “Find”",
    yes: "Yes",
    no: "No",
    unsaid: "Say nothing",
    choose: (use: string) => `Your word on: ${use}`,
    networkStands: "A no of your network stands, whatever is said here: change it there.",
    saved: "It holds from now on, for what you posted before, too.",
    receiptsHeading: "Where your posts were used",
    receipts: (n: number) => `${count(n, "time", "times")} so far.`,
    noReceipts: "They were not used in an answer yet.",
    receiptsText:
      "Each answer that was given one of your posts, with the words that rest on it. Whose answer it was and what was asked is not told.",
    export: "Save all as a file (JSON)",
    doors: { app: "in the app", api: "through the API", bot: "by the bot" },
    read: (model: string) => `answer by ${model}`,
    readUnknown: "answer that did not come to its end",
    quotedOnly: "quoted, no model’s words were shown",
    notCited: "Shown as a source, not cited.",
    notKept: "The words are not kept any more.",
    more: "Show more",
  },

  lost: {
    title: "Not found",
    text: "There is no such page.",
    home: "Go to the start",
  },

  failure: {
    generic: "Something went wrong.",
    unreachable: "Myna cannot be reached. Check that it is still running, then try again.",
    retry: "Try again",
    crashed: "The page has run into an error. Reloading it brings everything back.",
    reload: "Reload",
  },
};

export type Dictionary = typeof en;
