/**
 * Markdown to React. The parsers are those of streamdown (remark, and its `remend` for a text that
 * still grows); streamdown itself costs 100 kB gzip more and hides the offsets that spans need.
 *
 * The text comes from a model that read strangers' posts, so: HTML is shown as text, images are
 * never fetched, links are only http(s) and mailto.
 */

import type { Element, Nodes, Root } from "hast";
import { toJsxRuntime, type Components } from "hast-util-to-jsx-runtime";
import type { Html, Parents } from "mdast";
import type { Handler, State } from "mdast-util-to-hast";
import { Fragment, jsx, jsxs } from "react/jsx-runtime";
import type { ComponentProps, ComponentType, ReactElement } from "react";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import remend from "remend";
import { unified } from "unified";
import { SPAN_END_TAG, SPAN_TAG, markSpans, type Mark } from "./spans.ts";

const htmlAsText: Handler = (state: State, node: Html, parent: Parents | undefined) => {
  const text = { type: "text" as const, value: node.value };
  state.patch(node, text);
  if (parent?.type !== "root") return text;
  const paragraph: Element = {
    type: "element",
    tagName: "p",
    properties: {},
    children: [text],
  };
  return paragraph;
};

const processor = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkRehype, { handlers: { html: htmlAsText } });

/** Renders a piece of a span, or what follows its end; `index` is the span's place in the list. */
export interface SpanParts {
  Span: ComponentType<{ index: number; children?: ReactElement }>;
  SpanEnd: ComponentType<{ index: number }>;
}

const SAFE_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

function SafeLink({ href = "", children }: ComponentProps<"a">) {
  const safe = URL.canParse(href) && SAFE_PROTOCOLS.has(new URL(href).protocol);
  if (!safe) return <span>{children}</span>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow ugc">
      {children}
    </a>
  );
}

function ImageAsLink({ src, alt }: ComponentProps<"img">) {
  return <SafeLink href={typeof src === "string" ? src : ""}>{alt || src}</SafeLink>;
}

/** @param marks ranges of `text` in UTF-16 units. */
export function renderMarkdown(
  text: string,
  marks: readonly Mark[],
  parts: SpanParts,
  growing = false,
): ReactElement {
  const source = growing ? remend(text, { links: false, images: false }) : text;
  const tree = processor.runSync(processor.parse(source)) as Root;
  markSpans(tree, source, marks);
  const components = {
    a: SafeLink,
    img: ImageAsLink,
    [SPAN_TAG]: parts.Span,
    [SPAN_END_TAG]: parts.SpanEnd,
  } as unknown as Partial<Components>;
  return toJsxRuntime(tree as Nodes, { Fragment, jsx, jsxs, components, ignoreInvalidStyle: true });
}
