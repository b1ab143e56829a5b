import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../src/api/types.ts";
import { advance, begin, isLast } from "../src/chat/progress.ts";
import { makeMessage, makePost } from "./message.ts";

const EVENTS: StreamEvent[] = [
  { type: "status", stage: "searching" },
  { type: "sources", sources: [{ number: 1, post: makePost(), parent: null }] },
  { type: "left_out", posts: 2 },
  { type: "status", stage: "writing" },
  { type: "text", delta: "Use " },
  { type: "text", delta: "apt. Yes." },
  { type: "citation", start: 0, end: 8, numbers: [1] },
  { type: "unsupported", start: 9, end: 13 },
  { type: "notice", code: "truncated", text: "Cut." },
  { type: "usage", prompt_tokens: 10, completion_tokens: 4 },
  {
    type: "done",
    outcome: "answered",
    model: "m",
    prompt_version: "p1",
    model_version: "m@1",
    state: "done",
  },
];

describe("advance", () => {
  it("builds the message that the events tell", () => {
    const { message, stage } = EVENTS.reduce(advance, begin(makeMessage()));
    expect(stage).toBeNull();
    expect(message).toMatchObject({
      text: "Use apt. Yes.",
      state: "done",
      outcome: "answered",
      model: "m",
      usage: { prompt_tokens: 10, completion_tokens: 4 },
      notices: [{ code: "truncated", text: "Cut." }],
    });
    expect(message.sources).toHaveLength(1);
    expect(message.spans).toEqual([
      { kind: "citation", start: 0, end: 8, numbers: [1] },
      { kind: "unsupported", start: 9, end: 13, numbers: [] },
    ]);
  });

  it("starts from nothing, so that a replay doubles no word", () => {
    const half = makeMessage({ text: "Use ", spans: [] });
    expect(EVENTS.reduce(advance, begin(half)).message.text).toBe("Use apt. Yes.");
  });

  it("keeps what was written when an error ends it", () => {
    const begun = advance(begin(makeMessage()), { type: "text", delta: "Half" });
    const { message } = advance(begun, { type: "error", code: "model", message: "Gone." });
    expect(message).toMatchObject({
      text: "Half",
      state: "failed",
      error: { code: "model", message: "Gone." },
    });
  });

  it("takes a whole message in the place of its events", () => {
    const whole = makeMessage({ state: "done", text: "All." });
    const { message } = advance(begin(makeMessage()), { type: "message", ...whole });
    expect(message).toEqual(whole);
  });

  it("shows nothing of an answer whose post was withdrawn", () => {
    const events: StreamEvent[] = [...EVENTS.slice(0, 7), { type: "withdrawn", numbers: [1] }];
    const progress = events.reduce(advance, begin(makeMessage()));
    expect(progress.withdrawn).toBe(true);
    expect(progress.message).toMatchObject({ text: "", spans: [] });
  });

  it("knows the last event", () => {
    expect(EVENTS.filter(isLast).map((event) => event.type)).toEqual(["done"]);
    expect(isLast({ type: "error", code: "x", message: "" })).toBe(true);
  });
});
