import { describe, expect, it } from "vitest";
import { ApiError } from "../src/api/client.ts";
import { FrameParser, followStream, exponential, type Frame } from "../src/api/event_stream.ts";

function parseInPieces(text: string, size: number): Frame[] {
  const parser = new FrameParser();
  const frames: Frame[] = [];
  for (let i = 0; i < text.length; i += size) frames.push(...parser.push(text.slice(i, i + size)));
  return frames;
}

describe("FrameParser", () => {
  const stream =
    ': keep-alive\n\nid: 1\nevent: text\ndata: {"delta":"Hé 🐦"}\n\n' +
    "id: 2\r\ndata: a\r\ndata: b\r\n\r\nevent: done\ndata\n\n";
  const expected = [
    { id: "1", event: "text", data: '{"delta":"Hé 🐦"}' },
    { id: "2", event: "message", data: "a\nb" },
    { id: "2", event: "done", data: "" },
  ];

  it.each([1, 2, 3, 7, 1000])("reads the same in pieces of %d", (size) => {
    expect(parseInPieces(stream, size)).toEqual(expected);
  });

  it("keeps back a frame that is not complete", () => {
    expect(parseInPieces("data: half", 100)).toEqual([]);
  });
});

/** A server that answers each request in turn: frames and then a cut, a status, or no answer. */
function serverOf(turns: (string | number | "down")[]) {
  const asked: (string | null)[] = [];
  const fetch = ((_url: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get("Last-Event-ID"));
    const turn = turns.shift() ?? "down";
    if (turn === "down") return Promise.reject(new TypeError("network"));
    if (typeof turn === "number") {
      const body = JSON.stringify({ error: { message: "No.", code: "not_found" } });
      return Promise.resolve(new Response(body, { status: turn }));
    }
    return Promise.resolve(new Response(turn));
  }) as typeof globalThis.fetch;
  return { fetch, asked };
}

const frame = (id: number, event = "text") => `id: ${id}\nevent: ${event}\ndata: {}\n\n`;

async function collect(turns: (string | number | "down")[], signal?: AbortSignal) {
  const server = serverOf(turns);
  const seen: string[] = [];
  const connections: boolean[] = [];
  const waits: number[] = [];
  await followStream({
    url: "/api/messages/x/events",
    signal: signal ?? new AbortController().signal,
    fetch: server.fetch,
    onFrame: ({ id, event }) => {
      seen.push(id ?? "");
      return event === "done";
    },
    onConnection: (connected) => connections.push(connected),
    backoff: (attempt) => {
      waits.push(attempt);
      return 0;
    },
  });
  return { ...server, seen, connections, waits };
}

describe("followStream", () => {
  it("ends at the last frame", async () => {
    const { seen, asked } = await collect([frame(1) + frame(2, "done") + frame(3)]);
    expect(seen).toEqual(["1", "2"]);
    expect(asked).toEqual([null]);
  });

  it("goes on after the last id when the line breaks", async () => {
    const { seen, asked, connections } = await collect([
      frame(1) + frame(2),
      "down",
      frame(3) + frame(4, "done"),
    ]);
    expect(seen).toEqual(["1", "2", "3", "4"]);
    expect(asked).toEqual([null, "2", "2"]);
    expect(connections).toEqual([true, false, false, true]);
  });

  it("drops half a frame and asks for it again", async () => {
    const { seen, asked } = await collect([`${frame(1)}id: 2\nevent: te`, frame(2, "done")]);
    expect(seen).toEqual(["1", "2"]);
    expect(asked).toEqual([null, "1"]);
  });

  it("waits longer with each failure, and starts afresh once events come", async () => {
    const { waits } = await collect(["down", 503, 429, frame(1), "down", frame(2, "done")]);
    expect(waits).toEqual([1, 2, 3, 1, 2]);
    expect(exponential(1)).toBeLessThan(400);
    expect(exponential(50)).toBeLessThanOrEqual(12_500);
  });

  it("gives up when the server refuses", async () => {
    const refusal = collect([frame(1), 404]);
    await expect(refusal).rejects.toBeInstanceOf(ApiError);
    await expect(collect([404])).rejects.toMatchObject({ status: 404, code: "not_found" });
  });

  it("asks for nothing once aborted", async () => {
    const abort = new AbortController();
    abort.abort();
    const { asked } = await collect([frame(1, "done")], abort.signal);
    expect(asked).toEqual([]);
  });
});
