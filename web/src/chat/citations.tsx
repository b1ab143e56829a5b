/** What marks the sentences of an answer: numbers that lead to posts, or a word of doubt. */

import { createContext, useContext, useMemo, type ReactNode } from "react";
import type { Message, Source, Span } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { Peek, useIsPeeking } from "../post/peek.tsx";
import { PostCard } from "../post/post_card.tsx";
import { Link } from "../router.tsx";
import { renderMarkdown } from "../text/markdown.tsx";
import { rangesToUtf16 } from "../text/offsets.ts";

interface Cited {
  spans: readonly Span[];
  sources: ReadonlyMap<number, Source>;
  /** Names the cards of this answer apart from those of others. */
  id: string;
}

const CitedContext = createContext<Cited>({
  spans: [],
  sources: new Map(),
  id: "",
});

function SpanPiece({ index, children }: { index: number; children?: ReactNode }) {
  const { spans, id } = useContext(CitedContext);
  // A span is lit while the card of one of its numbers is open.
  const lit = useIsPeeking(`${id} ${index} `);
  const t = useText();
  const span = spans[index];
  if (span?.kind === "removed") {
    return <span className="span-removed">{t.removed[span.reason ?? "deleted"]}</span>;
  }
  if (span?.kind === "unsupported") {
    return <span className="span-unsupported">{children}</span>;
  }
  return <span className={`span-cited ${lit ? "span-lit" : ""}`}>{children}</span>;
}

function SpanEnd({ index }: { index: number }) {
  const { spans } = useContext(CitedContext);
  const span = spans[index];
  if (!span || span.kind === "removed") return null;
  if (span.kind === "unsupported") return <Unsupported index={index} />;
  return span.numbers.map((number) => <Chip key={number} number={number} index={index} />);
}

function Chip({ number, index }: { number: number; index: number }) {
  const t = useText();
  const { sources, id } = useContext(CitedContext);
  const source = sources.get(number);
  const post = source?.post ?? null;
  const label = post
    ? t.sources.citation(number, post.author.handle)
    : t.sources.citationDeleted(number);
  const card = post ? (
    <PostCard post={post} parent={source?.parent ?? null} />
  ) : (
    <p className="text-sm text-muted">{t.sources.deleted}</p>
  );
  return (
    <Peek name={`${id} ${index} ${number}`} label={t.sources.number(number)} card={card}>
      {post ? (
        <Link href={post.app_url} className="chip" aria-label={label}>
          {number}
        </Link>
      ) : (
        <button type="button" className="chip line-through" aria-label={label}>
          {number}
        </button>
      )}
    </Peek>
  );
}

function Unsupported({ index }: { index: number }) {
  const t = useText();
  const { id } = useContext(CitedContext);
  return (
    <Peek
      name={`${id} ${index} unsupported`}
      label={t.sources.unsupportedLabel}
      card={<p className="text-sm">{t.sources.unsupportedText}</p>}
    >
      <button
        type="button"
        aria-label={t.sources.unsupportedLabel}
        className="mx-[0.2em] rounded-[0.4em] border border-dotted border-doubt px-[0.4em] align-[0.15em] text-[0.72em] leading-[1.4] text-doubt"
      >
        {t.sources.unsupported}
      </button>
    </Peek>
  );
}

const PARTS = { Span: SpanPiece, SpanEnd };

/** An answer's text with its marks. */
export function AnswerText({ message, growing }: { message: Message; growing: boolean }) {
  const { id, text, spans, sources } = message;
  const cited = useMemo<Cited>(
    () => ({ spans, sources: new Map(sources.map((s) => [s.number, s])), id }),
    [spans, sources, id],
  );
  const rendered = useMemo(() => {
    const marks = rangesToUtf16(
      text,
      spans.map(({ start, end }, index) => ({ start, end, index })),
    );
    return renderMarkdown(text, marks, PARTS, growing);
  }, [text, spans, growing]);
  return (
    <CitedContext value={cited}>
      <div className={`prose ${growing ? "writing" : ""}`}>{rendered}</div>
    </CitedContext>
  );
}

/** The numbers that the answer cites. */
export function citedNumbers(message: Message): Set<number> {
  return new Set(message.spans.flatMap((span) => (span.kind === "citation" ? span.numbers : [])));
}
