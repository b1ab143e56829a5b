/** Five pages and the browser's history; a library would be larger than all of them. */

import {
  useEffect,
  useMemo,
  useSyncExternalStore,
  type AnchorHTMLAttributes,
  type MouseEvent,
} from "react";
import type { SearchSort } from "./api/types.ts";

export type Route =
  | { page: "chat"; id: string | null }
  | { page: "post"; network: string; uri: string }
  | { page: "search"; query: string; sort: SearchSort }
  | { page: "about" }
  | { page: "me" }
  | { page: "lost" };

/** Reads an address: path and query, as in `location`. */
export function parseRoute(path: string, query: string): Route {
  const parts = path.split("/").slice(1);
  const [first = "", second = ""] = parts;
  if (path === "/") return { page: "chat", id: null };
  if (first === "c" && second) return { page: "chat", id: second };
  if (first === "about") return { page: "about" };
  if (first === "me" && !second) return { page: "me" };
  if (first === "search") {
    const params = new URLSearchParams(query);
    const asked = params.get("sort");
    const sort = asked === "latest" || asked === "oldest" ? asked : "relevance";
    return { page: "search", query: params.get("q") ?? "", sort };
  }
  if (first === "p" && second && parts.length > 2) {
    try {
      const uri = decodeURIComponent(parts.slice(2).join("/"));
      return { page: "post", network: decodeURIComponent(second), uri };
    } catch {
      return { page: "lost" }; // a "%" that begins no escape
    }
  }
  return { page: "lost" };
}

export const searchPath = (query: string, sort: SearchSort = "relevance"): string =>
  `/search?${new URLSearchParams({ q: query, ...(sort === "relevance" ? {} : { sort }) })}`;

const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};
globalThis.addEventListener?.("popstate", tell);

/** How many steps inside the app led here: whether "back" stays inside. */
export const depth = (): number => (history.state as { depth?: number } | null)?.depth ?? 0;

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return;
  rememberScroll();
  if (options.replace) history.replaceState({ depth: depth() }, "", to);
  else history.pushState({ depth: depth() + 1 }, "", to);
  tell();
}

/** Where each address was scrolled to when it was left; the pages scroll inside an element. */
const scrolled = new Map<string, number>();
const scroller = (): Element | null => document.querySelector("[data-scroller]");

function rememberScroll(): void {
  const element = scroller();
  if (element) scrolled.set(location.pathname, element.scrollTop);
}

export const rememberedScroll = (): number | undefined => scrolled.get(location.pathname);

export function useRoute(): Route {
  const address = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => location.pathname + location.search,
  );
  return useMemo(() => {
    const cut = address.indexOf("?");
    return cut < 0
      ? parseRoute(address, "")
      : parseRoute(address.slice(0, cut), address.slice(cut));
  }, [address]);
}

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string };

/** A link within the app; with a modifier key it stays an ordinary link. */
export function Link({ href, onClick, children, ...rest }: LinkProps) {
  return (
    <a {...rest} href={href} onClick={(event) => follow(event, href, onClick)}>
      {children}
    </a>
  );
}

function follow(
  event: MouseEvent<HTMLAnchorElement>,
  href: string,
  onClick?: (event: MouseEvent<HTMLAnchorElement>) => void,
): void {
  onClick?.(event);
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (event.defaultPrevented || modified || event.button !== 0) return;
  event.preventDefault();
  navigate(href);
}

/** Names the page in the browser's tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
