/** How many posts of a search were written when, as bars. */

import { useCounts } from "../api/queries.ts";
import type { Bucket } from "../api/types.ts";
import { useSpeech } from "../i18n/language.tsx";

const HEIGHT = 40;
const GAP = 0.15;
const LEAST_HEIGHT = 1.5;

const FORMS: Record<Bucket, Intl.DateTimeFormatOptions> = {
  minute: { dateStyle: "medium", timeStyle: "short" },
  hour: { dateStyle: "medium", timeStyle: "short" },
  day: { dateStyle: "medium", timeZone: "UTC" },
  week: { dateStyle: "medium", timeZone: "UTC" },
  month: { month: "long", year: "numeric", timeZone: "UTC" },
  year: { year: "numeric", timeZone: "UTC" },
};

/** The stretch of time that begins at `start`, in words. Days and longer ones are of UTC. */
export function stretch(start: string, bucket: Bucket, locale: string): string {
  return new Intl.DateTimeFormat(locale, FORMS[bucket]).format(new Date(start));
}

export function Histogram({ query }: { query: string }) {
  const { t, language } = useSpeech();
  const { data } = useCounts(query);
  const first = data?.bars[0];
  const last = data?.bars.at(-1);
  if (!data || !first || !last || data.bars.length < 2) return null;
  const highest = data.bars.reduce((most, bar) => (bar.posts > most.posts ? bar : most));
  const when = (start: string) => stretch(start, data.bucket, language);
  return (
    <figure className="pb-4 text-muted" aria-label={t.search.chart}>
      <svg
        role="img"
        aria-label={t.search.chartSummary(data.total, highest.posts, when(highest.start))}
        viewBox={`0 0 ${data.bars.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="h-12 w-full rounded-lg bg-side"
      >
        {data.bars.map((bar, i) => {
          const height = bar.posts && Math.max(LEAST_HEIGHT, (bar.posts / highest.posts) * HEIGHT);
          return (
            <g key={bar.start} className="group">
              <title>{t.search.bar(bar.posts, when(bar.start))}</title>
              <rect x={i} y={0} width={1} height={HEIGHT} className="fill-transparent" />
              <rect
                x={i + GAP / 2}
                y={HEIGHT - height}
                width={1 - GAP}
                height={height}
                className="fill-amber group-hover:fill-link"
              />
            </g>
          );
        })}
      </svg>
      <figcaption className="flex flex-wrap justify-between gap-x-4 pt-1 text-xs">
        <span>{when(first.start)}</span>
        {data.earlier > 0 && <span>{t.search.earlier(data.earlier)}</span>}
        <span>{when(last.start)}</span>
      </figcaption>
    </figure>
  );
}
