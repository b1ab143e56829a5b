/** Times as people say them. */

import type { Dictionary } from "./en.ts";
import { useSpeech } from "./language.tsx";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** "5 minutes ago" within a week, a date beyond. */
export function ago(iso: string, locale: string, now: number = Date.now()): string {
  const past = now - Date.parse(iso);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  if (past < MINUTE_MS) return relative.format(0, "second");
  if (past < HOUR_MS) return relative.format(-Math.floor(past / MINUTE_MS), "minute");
  if (past < DAY_MS) return relative.format(-Math.floor(past / HOUR_MS), "hour");
  if (past < 7 * DAY_MS) return relative.format(-Math.floor(past / DAY_MS), "day");
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(new Date(iso));
}

/** Date and time in full. */
export function inFull(iso: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" }).format(
    new Date(iso),
  );
}

export function Time({ iso, className }: { iso: string; className?: string }) {
  const { language } = useSpeech();
  return (
    <time dateTime={iso} title={inFull(iso, language)} className={className}>
      {ago(iso, language)}
    </time>
  );
}

export type DayGroup = keyof Pick<Dictionary["nav"], "today" | "yesterday" | "week" | "older">;

/** In which group of the list of chats a time falls, by the reader's own calendar. */
export function dayGroup(iso: string, now: Date = new Date()): DayGroup {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const then = Date.parse(iso);
  if (then >= midnight) return "today";
  if (then >= midnight - DAY_MS) return "yesterday";
  return then >= midnight - 6 * DAY_MS ? "week" : "older";
}
