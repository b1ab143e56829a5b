/** What rises: topics that more people bring up than usual; a click searches for their posts. */

import { useState } from "react";
import { useTrends } from "../api/queries.ts";
import type { Trend, TrendWindow } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { Time } from "../i18n/time.tsx";
import { Link, searchPath } from "../router.tsx";

const SHOWN = 8;
const WINDOWS: TrendWindow[] = ["15m", "1h", "6h", "24h"];

export function Trends() {
  const t = useText();
  const [window, setWindow] = useState<TrendWindow>("6h");
  const { data } = useTrends(window, SHOWN);
  if (!data) return null;
  return (
    <section className="pt-8" aria-labelledby="trends">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 pb-3">
        <h2 id="trends" className="text-lg font-semibold">
          {t.trends.title}
        </h2>
        <span className="grow" />
        <div
          role="group"
          aria-label={t.trends.window}
          className="flex rounded-lg bg-side p-0.5 text-sm text-muted"
        >
          {WINDOWS.map((value) => (
            <button
              key={value}
              type="button"
              aria-pressed={window === value}
              onClick={() => setWindow(value)}
              className={`rounded-md px-2.5 py-1 ${window === value ? "bg-surface font-medium text-ink shadow-sm" : "hover:text-ink"}`}
            >
              {t.trends.windows[value]}
            </button>
          ))}
        </div>
      </div>
      <p role="status" className="pb-3 text-sm text-muted">
        {data.trends.length === 0 ? t.trends.none : t.trends.explained}
      </p>
      <ol className="grid gap-2.5 sm:grid-cols-2">
        {data.trends.map((trend) => (
          <li key={trend.query} className="flex">
            <Topic trend={trend} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Topic({ trend }: { trend: Trend }) {
  const t = useText();
  const example = trend.examples[0];
  return (
    <Link
      href={searchPath(trend.query)}
      className="grid w-full content-start gap-1 rounded-2xl border border-line bg-surface p-3.5 transition-colors hover:border-amber"
    >
      <strong className="break-words">{trend.name}</strong>
      <span className="text-sm text-muted">
        {t.trends.authors(trend.authors)}, {t.search.results(trend.posts)},{" "}
        <Time iso={trend.first_at} />
      </span>
      {example && <span className="line-clamp-2 text-sm break-words">{example.text}</span>}
    </Link>
  );
}
