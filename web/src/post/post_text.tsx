/** A post's text: plain, with its links and, in search results, the matching words lit. */

import { useMemo } from "react";
import { linkify } from "../text/links.ts";
import { rangesToUtf16 } from "../text/offsets.ts";

interface Piece {
  text: string;
  href: string | null;
  lit: boolean;
}

/** Cuts a text at its links and at the highlights ([start, end) in code points). */
export function cutText(text: string, highlights: readonly (readonly [number, number])[]): Piece[] {
  const lit = rangesToUtf16(
    text,
    highlights.map(([start, end]) => ({ start, end })),
  );
  const pieces: Piece[] = [];
  let begin = 0;
  for (const part of linkify(text)) {
    const end = begin + part.text.length;
    const bounds = new Set([begin, end]);
    for (const range of lit) {
      if (range.start > begin && range.start < end) bounds.add(range.start);
      if (range.end > begin && range.end < end) bounds.add(range.end);
    }
    const sorted = [...bounds].toSorted((a, b) => a - b);
    for (let i = 0; i + 1 < sorted.length; i++) {
      const from = sorted[i] ?? 0;
      const to = sorted[i + 1] ?? 0;
      pieces.push({
        text: text.slice(from, to),
        href: part.kind === "link" ? part.href : null,
        lit: lit.some((range) => range.start <= from && range.end >= to),
      });
    }
    begin = end;
  }
  return pieces;
}

interface Props {
  text: string;
  highlights?: readonly (readonly [number, number])[];
  className?: string;
  /** Inside something that is a link itself there can be no links. */
  plain?: boolean;
}

const NONE: readonly (readonly [number, number])[] = [];

export function PostText({ text, highlights = NONE, className = "", plain = false }: Props) {
  const pieces = useMemo(() => cutText(text, highlights), [text, highlights]);
  return (
    <p className={`whitespace-pre-wrap wrap-anywhere ${className}`} dir="auto">
      {pieces.map((piece, i) => {
        const shown = piece.lit ? (
          <mark className="rounded-sm bg-mark text-ink">{piece.text}</mark>
        ) : (
          piece.text
        );
        return piece.href && !plain ? (
          <a
            // The pieces of one text never change places.
            // oxlint-disable-next-line react/no-array-index-key
            key={i}
            href={piece.href}
            target="_blank"
            rel="noopener noreferrer nofollow ugc"
            className="text-link underline underline-offset-2"
          >
            {shown}
          </a>
        ) : (
          // oxlint-disable-next-line react/no-array-index-key
          <span key={i}>{shown}</span>
        );
      })}
    </p>
  );
}
