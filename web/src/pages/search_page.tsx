/** Search among the posts, with the operators that people know from other networks. */

import { useMemo, useState } from "react";
import { ApiError } from "../api/client.ts";
import { useSearch } from "../api/queries.ts";
import type { SearchHit, SearchResult, SearchSort } from "../api/types.ts";
import { ask } from "../chat/actions.ts";
import { useSpeech, useText } from "../i18n/language.tsx";
import { Time } from "../i18n/time.tsx";
import { PostHead } from "../post/post_head.tsx";
import { PostText } from "../post/post_text.tsx";
import { Link, navigate, searchPath, useTitle } from "../router.tsx";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";
import { Histogram } from "./histogram.tsx";
import { Page, Skeleton } from "./page.tsx";
import { Trends } from "./trends.tsx";

interface Props {
  query: string;
  sort: SearchSort;
}

export function SearchPage({ query, sort }: Props) {
  const { t, language } = useSpeech();
  const search = useSearch(query, sort);
  const { error, isFetching, isFetchingNextPage, refetch } = search;
  const data = search.data?.pages[0];
  const hits = useMemo(
    () => search.data?.pages.flatMap((page) => page.hits) ?? [],
    [search.data?.pages],
  );
  useTitle(t.app.title(query || t.search.title));
  const asked = query.trim() !== "";
  const askMyna = () => {
    ask(null, query, null, language).catch((failure: Error) => toast(failure.message, true));
  };
  return (
    <Page ready={data !== undefined || !asked}>
      <h1 className="pb-4 text-3xl font-bold tracking-tight">{t.search.title}</h1>
      <SearchForm key={query} query={query} sort={sort} />
      {!asked && <Trends />}
      {!asked && <Operators />}
      {asked && !data && !error && <Skeleton />}
      {asked && error && (
        <p role="alert" className="flex flex-wrap items-center gap-3 pt-6">
          {error instanceof ApiError && error.status === 0 ? t.failure.unreachable : error.message}
          <Button icon="again" onClick={() => void refetch()}>
            {t.failure.retry}
          </Button>
        </p>
      )}
      {asked && data && !error && (
        <div className={isFetching && !isFetchingNextPage ? "opacity-60" : ""}>
          <div className="flex flex-wrap items-center gap-x-3 gap-y-2 py-4 text-sm text-muted">
            <p role="status">
              {data.total === 0 ? (
                t.search.none
              ) : (
                <>
                  <strong className="text-ink">
                    {t.search.results(data.total, data.total_exact)}
                  </strong>
                  {data.origins !== null && data.origins < data.total && (
                    <>, {t.search.origins(data.origins)}</>
                  )}{" "}
                  {t.search.took(data.took_ms)}
                </>
              )}
            </p>
            <span className="grow" />
            <Order query={query} sort={sort} />
          </div>
          <Histogram query={query} />
          {data.left_out > 0 && (
            <p className="pb-3 text-sm text-muted">{t.sources.leftOut(data.left_out)}</p>
          )}
          {[...data.notes, ...(isDegraded(data) ? [t.search.degraded] : [])].map((note) => (
            <p key={note} className="flex items-start gap-2 pb-3 text-sm text-doubt">
              <Icon name="info" className="mt-0.5 size-4" />
              {note}
            </p>
          ))}
          <ol className="grid gap-2.5">
            {hits.map((hit) => (
              <li key={`${hit.post.network} ${hit.post.uri}`} className="offscreen-cheap">
                <Hit hit={hit} />
              </li>
            ))}
          </ol>
          <div className="flex flex-wrap gap-2 pt-5">
            {search.hasNextPage && (
              <Button disabled={isFetchingNextPage} onClick={() => void search.fetchNextPage()}>
                {t.search.more}
              </Button>
            )}
            <Button onClick={askMyna}>{t.search.ask(query)}</Button>
          </div>
          {data.total === 0 && <Operators />}
        </div>
      )}
    </Page>
  );
}

function SearchForm({ query, sort }: Props) {
  const t = useText();
  const [text, setText] = useState(query);
  return (
    <form
      role="search"
      className="flex items-center gap-2 rounded-2xl border border-line bg-surface p-1.5 pl-4 shadow-sm focus-within:border-amber"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) navigate(searchPath(text.trim(), sort));
      }}
    >
      <input
        type="search"
        // A page for searching begins with the words.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus={!query}
        value={text}
        aria-label={t.search.label}
        placeholder={t.search.placeholder}
        onChange={(event) => setText(event.target.value)}
        className="min-w-0 grow bg-transparent py-1.5 outline-none placeholder:text-muted"
      />
      <button
        type="submit"
        aria-label={t.search.submit}
        title={t.search.submit}
        className="grid size-9 shrink-0 place-items-center rounded-xl bg-amber text-[#2a1c00] hover:brightness-105"
      >
        <Icon name="search" />
      </button>
    </form>
  );
}

function Order({ query, sort }: Props) {
  const t = useText();
  return (
    <div role="group" aria-label={t.search.sort} className="flex rounded-lg bg-side p-0.5">
      {(["relevance", "latest", "oldest"] as const).map((value) => (
        <Link
          key={value}
          href={searchPath(query, value)}
          aria-current={sort === value}
          className={`rounded-md px-2.5 py-1 ${sort === value ? "bg-surface font-medium text-ink shadow-sm" : "hover:text-ink"}`}
        >
          {t.search[value]}
        </Link>
      ))}
    </div>
  );
}

function Hit({ hit }: { hit: SearchHit }) {
  const t = useText();
  return (
    <Link
      href={hit.post.app_url}
      className="grid gap-2 rounded-2xl border border-line bg-surface p-4 transition-colors hover:border-amber"
    >
      <PostHead post={hit.post} />
      <PostText {...shown(hit)} plain />
      {hit.first && (
        <p className="text-sm text-muted">
          {t.search.copies(hit.copies, hit.first.author.handle)},{" "}
          <Time iso={hit.first.created_at} />
        </p>
      )}
    </Link>
  );
}

/** Whether other posts might have been found; a total that was not counted is shown as such. */
const isDegraded = ({ degraded }: SearchResult) => degraded.some((stage) => stage !== "counting");

/** The piece of a post that was found, with dots where the post goes on. */
function shown({ post, snippet }: SearchHit) {
  const before = snippet.start > 0 ? "… " : "";
  const ends = snippet.start + [...snippet.text].length >= [...post.text].length;
  return {
    text: `${before}${snippet.text}${ends ? "" : " …"}`,
    highlights: snippet.highlights.map(
      ([start, end]) => [start + before.length, end + before.length] as const,
    ),
  };
}

function Operators() {
  const t = useText();
  return (
    <section className="pt-8">
      <h2 className="pb-3 text-lg font-semibold">{t.search.help}</h2>
      <dl className="grid gap-x-6 gap-y-2.5 sm:grid-cols-[auto_1fr]">
        {t.search.operators.map(([example, meaning]) => (
          <div key={example} className="contents">
            <dt>
              <code className="rounded-md bg-hover px-1.5 py-0.5 font-mono text-[0.9em]">
                {example}
              </code>
            </dt>
            <dd className="-mt-2 pb-1 text-muted sm:mt-0 sm:pb-0">{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
