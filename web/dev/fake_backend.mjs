/**
 * A FAKE back end for working on the page without Python, a database or a model: a few posts, a
 * canned answer streamed slowly, everything in memory. It speaks the routes that src/api uses and
 * serves a build with the real one's content security policy.
 *
 *   node dev/fake_backend.mjs [--port 8099] [--static ../src/myna/web/static] [--delay 40]
 */

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "8099" },
    static: { type: "string", default: join(import.meta.dirname, "../../src/myna/web/static") },
    delay: { type: "string", default: "40" },
  },
});
const DELAY_MS = Number(options.delay);
const CSP =
  "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const NETWORK = "ubuntu-irc";
const ROOT = "2008-04-24/1";
let number = 0;
function post(handle, text, more = {}) {
  number += 1;
  const uri = `2008-04-24/${number}`;
  return {
    network: NETWORK,
    uri,
    author: { handle, name: more.name ?? "", is_bot: more.is_bot ?? false },
    text,
    created_at: new Date(Date.UTC(2008, 3, 24, 12, number)).toISOString(),
    indexed_at: new Date().toISOString(),
    edited_at: null,
    lang: "en",
    channel: "#ubuntu",
    reply_to: more.reply_to ?? null,
    thread: ROOT,
    likes: more.likes ?? 0,
    reposts: 0,
    url: null,
    app_url: `/p/${NETWORK}/${encodeURIComponent(uri)}`,
    ...(more.replayed ? { original_created_at: "2008-04-24T12:00:00Z" } : {}),
  };
}
const posts = [
  post(
    "tweaked",
    "my wireless card (broadcom 4318) doesn't work after upgrading to hardy, what do I do?",
  ),
  post(
    "HrdwrBoB",
    "tweaked: install b43-fwcutter, it fetches the firmware: sudo apt-get install b43-fwcutter, then reboot",
    { reply_to: ROOT, likes: 2 },
  ),
  post(
    "ubotu",
    "Broadcom wireless: see https://help.ubuntu.com/community/WifiDocs/Driver/bcm43xx (and the pages linked there)",
    { reply_to: ROOT, is_bot: true },
  ),
  post(
    "Matt|",
    "b43-fwcutter needs a wired connection the first time, because it downloads the firmware",
    { reply_to: "2008-04-24/2", name: "Matthias" },
  ),
  post(
    "trey",
    "ndiswrapper worked for me with the windows driver bcmwl5.inf, but only on 32 bit 🐦",
    { reply_to: ROOT },
  ),
  post("usual", "I gave up and bought an atheros card :)", { reply_to: ROOT, replayed: true }),
  post(
    "epod",
    "tweaked: check first that it isn't blocked: the kill switch on my laptop was off, I searched for two hours. Also have a look at dmesg | grep b43 and paste the lines that you see there, then somebody can say what is wrong with your card",
    { reply_to: ROOT },
  ),
];
const byUri = new Map(posts.map((p) => [p.uri, p]));
const parentOf = (p) => (p.reply_to ? (byUri.get(p.reply_to) ?? null) : null);

const ANSWER = [
  ["Install **b43-fwcutter** with `sudo apt-get install b43-fwcutter` and reboot.", [2]],
  [" It needs a wired connection the first time, because it downloads the firmware 🐦.", [4, 2]],
  [
    "\n\nIf that fails:\n\n- use *ndiswrapper* with the Windows driver `bcmwl5.inf`, on 32 bit only",
    [5],
  ],
  ["\n- check that the kill switch is not off", [7]],
  ["\n\n", null],
  ["Most people say that the firmware will be part of Ubuntu next year.", "unsupported"],
];

/** What is told of a post, as the real one does it: counts, then quoted posts; no model. */
function told(kind, about) {
  const quoted = { explain: [about], check: [about, posts[3]], thread: posts.slice(0, 4) }[
    kind
  ] ?? [about];
  const lines = quoted.flatMap((p) => [
    ["\n- ", null],
    [`${p.author.handle}: “${p.text}”`, [posts.indexOf(p) + 1]],
  ]);
  const head = `${posts.length} posts of ${posts.length} accounts, ${posts.length} independent origins.\n`;
  const end = kind === "check" ? "\n\nMyna gives no verdict: these are the posts." : "";
  return [[head, null], ...lines, ...(end ? [[end, null]] : [])];
}
const TELL_WORDS = {
  explain: "Explain this post:",
  thread: "Summarise this thread:",
  profile: "Summarise the author of this post:",
  check: "Is this true?",
};

const chats = new Map();
const messages = new Map();
const logs = new Map();
const codePoints = (text) => [...text].length;

function message(chat, parent, role, text, state) {
  const made = {
    id: randomUUID(),
    chat_id: chat.id,
    parent_id: parent,
    role,
    state,
    outcome: null,
    text,
    spans: [],
    sources: [],
    notices: [],
    left_out: 0,
    usage: null,
    error: null,
    model: null,
    prompt_version: null,
    model_version: null,
    created_at: new Date().toISOString(),
    finished_at: null,
  };
  messages.set(made.id, made);
  chat.messages.push(made);
  chat.updated_at = made.created_at;
  return made;
}

function answer(chat, question, parts) {
  const made = message(chat, question.id, "assistant", "", "running");
  const log = { frames: [], ended: false, stopped: false, watchers: new Set() };
  logs.set(made.id, log);
  void write(made, log, question.text, parts);
  return structuredClone(made);
}

function push(log, type, data) {
  log.frames.push(
    `id: ${log.frames.length + 1}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`,
  );
  for (const watcher of log.watchers) watcher();
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function write(made, log, question, lines) {
  const declined = /recipe|declin/i.test(question);
  push(log, "status", { stage: "searching" });
  await wait(8 * DELAY_MS);
  made.sources = posts.map((p, i) => ({
    number: i + 1,
    post: p,
    parent: parentOf(p),
    score: 1 / (i + 1),
  }));
  if (/gone/.test(question)) made.sources[3] = { number: 4, post: null, parent: null };
  push(log, "sources", { sources: made.sources });
  push(log, "status", { stage: "reading" });
  await wait(20 * DELAY_MS);
  push(log, "status", { stage: "writing" });
  await wait(10 * DELAY_MS);
  const parts = lines ?? (declined ? [["I found no post that answers this.", null]] : ANSWER);
  for (const [sentence, mark] of parts) {
    const start = codePoints(made.text);
    for (const delta of sentence.match(/\s*\S+\s*|\s+/g)) {
      if (log.stopped) break;
      made.text += delta;
      push(log, "text", { delta });
      await wait(DELAY_MS);
    }
    if (log.stopped) break;
    const lead = codePoints(sentence) - codePoints(sentence.trimStart());
    const range = { start: start + lead, end: codePoints(made.text) };
    if (Array.isArray(mark)) {
      made.spans.push({ kind: "citation", ...range, numbers: mark });
      push(log, "citation", { ...range, numbers: mark });
    } else if (mark) {
      made.spans.push({ kind: "unsupported", ...range, numbers: [] });
      push(log, "unsupported", range);
    }
    if (/fail/.test(question) && made.text.length > 100) {
      made.state = "failed";
      made.error = { code: "model", message: "The model server stopped." };
      push(log, "error", made.error);
      log.ended = true;
      return;
    }
  }
  if (declined)
    push(log, "notice", { code: "nearest_posts", text: "These are the nearest posts." });
  made.usage = { prompt_tokens: 512, completion_tokens: 64 };
  push(log, "usage", made.usage);
  made.state = log.stopped ? "stopped" : "done";
  made.outcome = declined ? "declined" : "answered";
  made.model = "fake-135m";
  made.prompt_version = "fake-1";
  made.model_version = `${made.model}@0123456789ab`;
  log.ended = true;
  const { outcome, model, prompt_version, model_version, state } = made;
  push(log, "done", { outcome, model, prompt_version, model_version, state });
}

function streamEvents(request, response, id, url) {
  const log = logs.get(id);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let sent = Number(request.headers["last-event-id"] ?? url.searchParams.get("after") ?? 0);
  const send = () => {
    for (; sent < log.frames.length; sent++) response.write(log.frames[sent]);
    if (log.ended) response.end();
  };
  log.watchers.add(send);
  response.on("close", () => log.watchers.delete(send));
  send();
}

const summary = ({ messages: _messages, ...rest }) => rest;
const bodyOf = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
};

const routes = [
  [
    "GET",
    /^\/api\/config$/,
    () => ({
      version: "0.1.0",
      posts: 63412,
      demo: true,
      networks: [
        {
          name: NETWORK,
          title: "Ubuntu IRC",
          attribution: "Ubuntu IRC logs, prepared by Kummerfeld et al. (2019)",
          license_url: "https://creativecommons.org/licenses/by/4.0/",
          home_url: "https://jkk.name/irc-disentanglement/",
        },
      ],
      model: { name: "SmolLM2-135M-Instruct", small: true, ready: true },
      suggestions: [
        "How do I get my Broadcom wireless card to work?",
        "What do people say about upgrading to Hardy?",
        "How do I restore grub after installing Windows?",
      ],
      refused_by_default: ["train"],
    }),
  ],
  [
    "GET",
    /^\/api\/me$/,
    () => ({ accounts: [], waiting_until: null, networks: [NETWORK], messages: [], sign_in: [] }),
  ],
  [
    "GET",
    /^\/api\/status$/,
    () => ({
      posts: 63412 + (Math.floor(Date.now() / 20000) % 50),
      authors: 5021,
      networks: [],
      sources: [],
      database: { kind: "fake" },
      model: {},
      index: { indexed_seq: 9, last_seq: 9, lag: 0, vectors: 10, coverage: 1 },
    }),
  ],
  ["GET", /^\/api\/chats$/, () => ({ chats: [...chats.values()].map(summary).toReversed() })],
  [
    "POST",
    /^\/api\/chats$/,
    () => {
      const now = new Date().toISOString();
      const chat = { id: randomUUID(), title: "", created_at: now, updated_at: now, messages: [] };
      chats.set(chat.id, chat);
      return chat;
    },
  ],
  ["GET", /^\/api\/chats\/([^/]+)$/, (id) => chats.get(id)],
  [
    "PATCH",
    /^\/api\/chats\/([^/]+)$/,
    (id, body) => Object.assign(chats.get(id), { title: body.title }),
  ],
  ["DELETE", /^\/api\/chats\/([^/]+)$/, (id) => (chats.delete(id) ? "" : undefined)],
  [
    "POST",
    /^\/api\/chats\/([^/]+)\/messages$/,
    (id, body) => {
      const chat = chats.get(id);
      if (!chat) return undefined;
      chat.title ||= body.text.slice(0, 60);
      const user = message(chat, body.parent_id, "user", body.text, "done");
      return { user, assistant: answer(chat, user) };
    },
  ],
  [
    "POST",
    /^\/api\/tell$/,
    (_id, body) => {
      const about = byUri.get(body.uri);
      if (!about) return undefined;
      const now = new Date().toISOString();
      const text = `${TELL_WORDS[body.kind]} ${about.app_url}`;
      const chat = {
        id: randomUUID(),
        title: text,
        created_at: now,
        updated_at: now,
        messages: [],
      };
      chats.set(chat.id, chat);
      const user = message(chat, null, "user", text, "done");
      return { user, assistant: answer(chat, user, told(body.kind, about)) };
    },
  ],
  [
    "POST",
    /^\/api\/messages\/([^/]+)\/regenerate$/,
    (id) => {
      const old = messages.get(id);
      return { assistant: answer(chats.get(old.chat_id), messages.get(old.parent_id)) };
    },
  ],
  [
    "POST",
    /^\/api\/messages\/([^/]+)\/stop$/,
    (id) => {
      logs.get(id).stopped = true;
      return messages.get(id);
    },
  ],
  [
    "GET",
    /^\/api\/search$/,
    (_id, _body, url) => {
      const query = url.searchParams.get("q");
      const words = query
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => !word.includes(":"));
      const hits = posts.flatMap((p) => {
        const highlights = words.flatMap((word) => {
          const at = p.text.toLowerCase().indexOf(word);
          return at < 0
            ? []
            : [[codePoints(p.text.slice(0, at)), codePoints(p.text.slice(0, at + word.length))]];
        });
        const snippet = { text: p.text, start: 0, highlights };
        return highlights.length > 0
          ? [{ post: p, highlights, snippet, score: 1, copies: 1, first: null }]
          : [];
      });
      const notes = query.includes("since:x")
        ? ["“since:x” is not a date (2024-01-31): it was read as words."]
        : [];
      return {
        query,
        notes,
        total: hits.length,
        origins: hits.length,
        total_exact: true,
        left_out: 0,
        took_ms: 3.2,
        degraded: [],
        next_cursor: null,
        hits,
      };
    },
  ],
  [
    "GET",
    /^\/api\/search\/counts$/,
    () => ({
      bucket: "day",
      total: 210,
      earlier: 0,
      bars: Array.from({ length: 21 }, (_, day) => ({
        start: `2008-04-${String(day + 1).padStart(2, "0")}T00:00:00Z`,
        posts: day,
      })),
    }),
  ],
  [
    "GET",
    /^\/api\/trends$/,
    (_id, _body, url) => {
      const window = url.searchParams.get("window");
      const at = new Date().toISOString();
      const trend = (name, i) => ({
        name,
        kind: "word",
        subjects: name.split(" · "),
        score: 9.1,
        authors: 7,
        expected: 0.4,
        origins: 9,
        posts: 14,
        first_at: posts[i].created_at,
        query: name.replace(" · ", " OR "),
        examples: [posts[i + 1]],
      });
      const trends = window === "15m" ? [] : ["b43-fwcutter · firmware", "atheros"].map(trend);
      return { window, network: null, since: at, at, posts: posts.length, took_ms: 8, trends };
    },
  ],
  [
    "GET",
    /^\/api\/posts\/[^/]+\/(.+)$/,
    (uri) => {
      const found = byUri.get(decodeURIComponent(uri));
      return (
        found && {
          post: found,
          parent: parentOf(found),
          replies: posts.filter((p) => p.reply_to === found.uri),
        }
      );
    },
  ],
  [
    "GET",
    /^\/api\/threads\/[^/]+\/(.+)$/,
    () => ({
      root: ROOT,
      posts: posts.map((p, i) => (i === 5 ? { network: NETWORK, uri: p.uri, deleted: true } : p)),
    }),
  ],
];

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".md": "text/markdown",
};
async function serveFile(path, response) {
  const file = extname(path) && !path.startsWith("/p/") ? normalize(path) : "/index.html";
  try {
    const content = await readFile(join(options.static, file));
    response.writeHead(200, {
      "Content-Type": `${TYPES[extname(file)]}; charset=utf-8`,
      "Content-Security-Policy": CSP,
    });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://fake");
  const events = /^\/api\/messages\/([^/]+)\/events$/.exec(url.pathname);
  if (events) return streamEvents(request, response, events[1], url);
  for (const [method, pattern, handle] of routes) {
    const match = request.method === method && pattern.exec(url.pathname);
    if (!match) continue;
    const result = handle(match[1], await bodyOf(request), url);
    const status = result === undefined ? 404 : result === "" ? 204 : 200;
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(
      status === 204
        ? ""
        : JSON.stringify(
            result ?? {
              error: {
                message: "There is no such thing.",
                type: "invalid_request_error",
                param: null,
                code: "not_found",
              },
            },
          ),
    );
    return;
  }
  await serveFile(url.pathname, response);
});
server.listen(Number(options.port), "127.0.0.1", () => {
  console.log(`Fake back end on http://127.0.0.1:${options.port}`);
});
