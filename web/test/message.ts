import type { Message, Post } from "../src/api/types.ts";

/** A message for tests: an answer that is being written, unless said otherwise. */
export function makeMessage(more: Partial<Message> = {}): Message {
  return {
    id: "a1",
    chat_id: "c1",
    parent_id: "q1",
    role: "assistant",
    state: "running",
    outcome: null,
    text: "",
    spans: [],
    sources: [],
    notices: [],
    left_out: 0,
    usage: null,
    error: null,
    model: null,
    prompt_version: null,
    model_version: null,
    created_at: "2026-11-24T00:00:00Z",
    finished_at: null,
    ...more,
  };
}

export function makePost(more: Partial<Post> = {}): Post {
  return {
    network: "net",
    uri: "2008/1",
    author: { handle: "ann", name: "", is_bot: false },
    text: "Use apt.",
    created_at: "2008-04-24T12:00:00Z",
    indexed_at: "2026-11-24T00:00:00Z",
    edited_at: null,
    lang: null,
    channel: "#ubuntu",
    reply_to: null,
    thread: "2008/1",
    likes: 0,
    reposts: 0,
    url: null,
    app_url: "/p/net/2008%2F1",
    ...more,
  };
}
