/** An answer as plain text: what "copy" puts on the clipboard. */

import type { Message, RemovedReason, Source } from "../api/types.ts";
import { rangesToUtf16 } from "./offsets.ts";

/** Words for the copy, in the reader's language. */
export interface CopyWords {
  heading: string;
  unsupported: string;
  removed: Record<RemovedReason, string>;
}

/** The answer with [n] after each cited span, a word after each unsupported one, and the cited
 * posts below it. */
export function withSources(message: Message, origin: string, words: CopyWords): string {
  const spans = rangesToUtf16(message.text, message.spans).toSorted((a, b) => a.end - b.end);
  let text = "";
  let at = 0;
  const cited = new Set<number>();
  for (const span of spans) {
    if (span.kind === "removed") {
      text += message.text.slice(at, span.start) + words.removed[span.reason ?? "deleted"];
      at = span.end;
      continue;
    }
    const marks = span.kind === "citation" ? span.numbers : [words.unsupported];
    text += message.text.slice(at, span.end) + marks.map((mark) => `[${mark}]`).join("");
    at = span.end;
    for (const number of span.numbers) cited.add(number);
  }
  text += message.text.slice(at);
  const list = message.sources.filter((source) => cited.has(source.number) && source.post);
  if (list.length === 0) return text;
  return `${text.trimEnd()}\n\n${words.heading}\n${list.map((s) => line(s, origin)).join("\n")}`;
}

function line(source: Source, origin: string): string {
  const post = source.post;
  if (!post) return "";
  const where = post.url ?? new URL(post.app_url, origin).href;
  const day = (post.original_created_at ?? post.created_at).slice(0, 10);
  const words = post.withheld ? "" : `: “${post.text.trim()}”`;
  return `[${source.number}] ${post.author.handle}, ${day}${words} ${where}`;
}
