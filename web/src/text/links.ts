/** Addresses in a post's plain text. */

export type Piece = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

const ADDRESS = /https?:\/\/[^\s<>"'`]+/g;
const TRAILING = /[.,;:!?)\]}»]+$/;

/** Cuts text into plain pieces and http(s) links, trailing punctuation kept out of the link. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    let url = match[0].replace(TRAILING, "");
    // "(see https://x.org/a_(b))": give back a bracket that the link itself opened.
    if (url.includes("(") && !url.includes(")") && match[0][url.length] === ")") url += ")";
    if (!URL.canParse(url)) continue;
    if (match.index > at) pieces.push({ kind: "text", text: text.slice(at, match.index) });
    pieces.push({ kind: "link", text: url, href: url });
    at = match.index + url.length;
  }
  if (at < text.length) pieces.push({ kind: "text", text: text.slice(at) });
  return pieces;
}
