/**
 * Server-sent events over fetch, with resume. EventSource would do most of this, but it hides the
 * status code (a message that is gone looks like a broken line) and retries on its own clock.
 */

import { ApiError, errorOf } from "./client.ts";

export interface Frame {
  id: string | null;
  event: string;
  data: string;
}

/** Parses the event-stream format (WHATWG HTML § 9.2.6) from pieces cut anywhere. */
export class FrameParser {
  #rest = "";
  #id: string | null = null;
  #event = "";
  #data: string[] = [];
  #started = false;

  /** Takes the next piece of the stream; returns the frames that it completes. */
  push(piece: string): Frame[] {
    let buffer = this.#rest + piece;
    if (!this.#started && buffer) {
      this.#started = true;
      if (buffer.startsWith("\uFEFF")) buffer = buffer.slice(1);
    }
    const frames: Frame[] = [];
    let begin = 0;
    for (;;) {
      const end = buffer.slice(begin).search(/[\r\n]/);
      if (end < 0) break;
      const at = begin + end;
      // A CR at the very end may be half of CRLF: wait for the next piece.
      if (buffer[at] === "\r" && at + 1 === buffer.length) break;
      const frame = this.#line(buffer.slice(begin, at));
      if (frame) frames.push(frame);
      begin = at + (buffer[at] === "\r" && buffer[at + 1] === "\n" ? 2 : 1);
    }
    this.#rest = buffer.slice(begin);
    return frames;
  }

  #line(line: string): Frame | null {
    if (line === "") {
      const frame =
        this.#data.length > 0
          ? { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") }
          : null;
      this.#event = "";
      this.#data = [];
      return frame;
    }
    if (line.startsWith(":")) return null; // a comment: keep-alive
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }
}

export interface StreamOptions {
  url: string;
  signal: AbortSignal;
  /** Called for each frame, once, in order. Returns true on the frame that ends the stream. */
  onFrame: (frame: Frame) => boolean;
  /** Called when the line breaks (false) and when it works again (true). */
  onConnection?: (connected: boolean) => void;
  /** Waits before attempt n (from 1), in milliseconds. */
  backoff?: (attempt: number) => number;
  fetch?: typeof fetch;
}

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 10_000;

/** 0.3 s, 0.6 s, 1.2 s … 10 s, each ± 25 % so that tabs do not knock at once. */
export function exponential(attempt: number): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return wait * (0.75 + Math.random() / 2);
}

/**
 * Follows a stream to its last frame, over as many connections as it takes: each begins after the
 * last id seen. Resolves at the last frame or when aborted.
 *
 * @throws {ApiError} when the server refuses (4xx): asking again would not help.
 */
export async function followStream(options: StreamOptions): Promise<void> {
  const { url, signal, onFrame, onConnection, backoff = exponential } = options;
  const request = options.fetch ?? fetch;
  let lastId: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId !== null) headers["Last-Event-ID"] = lastId;
      const response = await request(url, { headers, signal, cache: "no-store" });
      if (!response.ok) {
        const error = await errorOf(response);
        if (response.status < 500 && response.status !== 429) throw error;
        throw new Error(error.message);
      }
      onConnection?.(true);
      const parser = new FrameParser();
      const decoder = new TextDecoder();
      const reader = response.body?.getReader();
      for (;;) {
        const chunk = await reader?.read();
        if (!chunk || chunk.done) break;
        for (const frame of parser.push(decoder.decode(chunk.value, { stream: true }))) {
          if (frame.id !== null) lastId = frame.id;
          failures = 0;
          if (onFrame(frame)) {
            await reader?.cancel();
            return;
          }
        }
      }
      // The server closed without a last frame: it restarts, or a proxy cut the line.
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError) throw error;
    }
    onConnection?.(false);
    failures += 1;
    await pause(backoff(failures), signal);
  }
}

/** Waits; less if the browser comes back online or the tab is shown again, or on abort. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      globalThis.removeEventListener?.("online", finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener("abort", finish);
    globalThis.addEventListener?.("online", finish);
  });
}
