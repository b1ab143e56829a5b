/**
 * Marks spans of an answer inside its rendered Markdown. The spans are ranges of the Markdown
 * source; the tree's text nodes know their own ranges, so each is cut where a span begins or ends.
 */

import type { Element, ElementContent, Root, RootContent, Text } from "hast";

/** A range of the Markdown source in UTF-16 units, with its place in the list of spans. */
export interface Mark {
  start: number;
  end: number;
  index: number;
}

/** Element names that components render: a stretch of a span, and what follows its end. */
export const SPAN_TAG = "myna-span";
export const SPAN_END_TAG = "myna-span-end";

/** What follows a span's end is a control: it cannot stand inside these. */
const NO_CONTROLS_INSIDE = new Set(["a", "code", "pre", "button"]);

interface Place {
  node: Text;
  /** From the root to the node's parent. */
  parents: (Root | Element)[];
  start: number;
  end: number;
  /** unitAt[i] is the index in node.value of source unit start + i. */
  unitAt: number[];
}

/** Changes the tree in place. `source` is the Markdown that the tree was made from. */
export function markSpans(tree: Root, source: string, marks: readonly Mark[]): void {
  if (marks.length === 0) return;
  const places = textPlaces(tree, source);
  /** After which place each span ends: its last piece of visible text. */
  const lastOf = new Map<number, Place>();
  for (const mark of marks) {
    const last = places.findLast(
      (place) =>
        place.start < mark.end &&
        place.end > mark.start &&
        cut(place, mark.start, mark.end).trim() !== "",
    );
    if (last) lastOf.set(mark.index, last);
  }
  for (const place of places) {
    const here = marks.filter((mark) => mark.start < place.end && mark.end > place.start);
    const ending = marks.filter((mark) => lastOf.get(mark.index) === place);
    if (here.length > 0) splice(place, here, ending);
  }
}

/** Replaces a text node by its pieces; ends of spans that may not stand here go further out. */
function splice(place: Place, marks: readonly Mark[], ending: readonly Mark[]): void {
  const bounds = new Set([place.start, place.end]);
  for (const mark of marks) {
    bounds.add(Math.max(mark.start, place.start));
    bounds.add(Math.min(mark.end, place.end));
  }
  const sorted = [...bounds].toSorted((a, b) => a - b);
  const host = place.parents.findIndex(
    (parent) => parent.type === "element" && NO_CONTROLS_INSIDE.has(parent.tagName),
  );
  const pieces: ElementContent[] = [];
  for (let i = 0; i + 1 < sorted.length; i++) {
    const start = sorted[i] ?? 0;
    const end = sorted[i + 1] ?? 0;
    const value = cut(place, start, end);
    if (value) pieces.push(wrap({ type: "text", value }, covering(marks, start, end)));
    if (host < 0) pieces.push(...ending.filter((mark) => mark.end === end).map(endOf));
  }
  if (host < 0) {
    // Spans that reach beyond this text (into markup or white space) still end after it.
    pieces.push(...ending.filter((mark) => mark.end > place.end).map(endOf));
  } else if (ending.length > 0) {
    insertAfter(place.parents[host - 1], place.parents[host], ending.map(endOf));
  }
  const parent = place.parents.at(-1);
  const at = parent ? (parent.children as ElementContent[]).indexOf(place.node) : -1;
  parent?.children.splice(at, 1, ...(pieces as never[]));
}

function covering(marks: readonly Mark[], start: number, end: number): Mark[] {
  return marks.filter((mark) => mark.start <= start && mark.end >= end);
}

/** The text in one element for each span that covers it, the first outermost. */
function wrap(text: Text, marks: readonly Mark[]): ElementContent {
  let node: ElementContent = text;
  for (const mark of marks.toReversed()) {
    node = {
      type: "element",
      tagName: SPAN_TAG,
      properties: { index: mark.index },
      children: [node],
    };
  }
  return node;
}

function endOf(mark: Mark): Element {
  return {
    type: "element",
    tagName: SPAN_END_TAG,
    properties: { index: mark.index },
    children: [],
  };
}

function insertAfter(
  parent: Root | Element | undefined,
  node: Root | Element | undefined,
  added: Element[],
): void {
  if (!parent || !node) return;
  const children = parent.children as RootContent[];
  const at = children.indexOf(node as Element);
  // Behind a code block there is no line to stand in: make one.
  const block = node.type === "element" && node.tagName === "pre";
  const put: Element[] = block
    ? [{ type: "element", tagName: "p", properties: {}, children: added }]
    : added;
  children.splice(at + 1, 0, ...put);
}

/** All text nodes with their ranges in the source, in order. */
function textPlaces(tree: Root, source: string): Place[] {
  const places: Place[] = [];
  let cursor = 0;
  const visit = (parents: (Root | Element)[], node: RootContent) => {
    if (node.type === "text") {
      let start = node.position?.start.offset;
      let end = node.position?.end.offset;
      if (start === undefined || end === undefined || start < cursor) {
        // Made by a transformation (an address turned into a link): look for it in the source.
        start = source.indexOf(node.value, cursor);
        end = start + node.value.length;
        if (start < 0 || node.value.trim() === "") return;
      }
      cursor = end;
      const unitAt = align(source.slice(start, end), node.value);
      places.push({ node, parents: [...parents], start, end, unitAt });
    } else if (node.type === "element") {
      for (const child of node.children) visit([...parents, node], child);
    }
  };
  for (const child of tree.children) visit([tree], child);
  return places;
}

/**
 * Where each unit of the source stands in the rendered value. They differ by what Markdown
 * swallows: escapes ("\*"), entities ("&amp;"), fences, indentation.
 */
function align(source: string, value: string): number[] {
  const unitAt: number[] = [];
  let at = 0;
  for (let i = 0; i < source.length;) {
    if (source[i] === value[at]) {
      unitAt.push(at);
      at += 1;
      i += 1;
      continue;
    }
    const entity = source[i] === "&" ? /^&[#\w]+;/.exec(source.slice(i))?.[0].length : undefined;
    for (let k = 0; k < (entity ?? 1); k++) unitAt.push(at);
    if (entity) at += 1;
    i += entity ?? 1;
  }
  unitAt.push(value.length);
  return unitAt;
}

/** The rendered text of a range of the source. */
function cut(place: Place, start: number, end: number): string {
  const from = place.unitAt[Math.max(start, place.start) - place.start] ?? 0;
  const to = end >= place.end ? place.node.value.length : (place.unitAt[end - place.start] ?? from);
  return place.node.value.slice(start <= place.start ? 0 : from, to);
}
