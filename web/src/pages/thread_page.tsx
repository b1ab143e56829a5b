/** A post in its thread: the post that was opened is lit, and its place is scrolled to. */

import { useLayoutEffect, useRef } from "react";
import { ApiError } from "../api/client.ts";
import { usePostInThread } from "../api/queries.ts";
import type { DeletedPost, Post } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { PostHead } from "../post/post_head.tsx";
import { PostText } from "../post/post_text.tsx";
import { TellMenu } from "../post/tell_menu.tsx";
import { Link, depth, rememberedScroll, useTitle } from "../router.tsx";
import { Icon } from "../ui/icon.tsx";
import { Failure } from "./failure.tsx";
import { Page, Skeleton } from "./page.tsx";

export function ThreadPage({ network, uri }: { network: string; uri: string }) {
  const t = useText();
  const { data, error, refetch } = usePostInThread(network, uri);
  useTitle(t.app.title(data ? data.post.author.handle : t.thread.title));
  if (error && !data) {
    const gone = error instanceof ApiError && error.status >= 400 && error.status < 500;
    return (
      <Failure
        text={gone ? t.thread.missing : t.failure.unreachable}
        {...(gone ? {} : { onRetry: () => void refetch() })}
      />
    );
  }
  const posts = data?.thread.posts ?? [];
  const known = new Map(posts.map((post) => [post.uri, post]));
  // A very long thread is cut: then the post and its parent are shown before what is left.
  const missing = data && !known.has(data.post.uri) ? [data.parent, data.post] : [];
  return (
    <Page ready={data !== undefined}>
      <div className="sticky top-0 z-10 -mx-4 mb-3 flex items-center gap-2 bg-page/90 px-4 py-2 backdrop-blur-sm">
        {depth() > 0 ? (
          <button
            type="button"
            onClick={() => history.back()}
            className="flex items-center gap-1.5 rounded-lg py-1 pr-2 text-sm font-medium text-link hover:underline"
          >
            <Icon name="back" className="size-4" />
            {t.thread.back}
          </button>
        ) : (
          <Link
            href="/"
            className="flex items-center gap-1.5 py-1 text-sm text-link hover:underline"
          >
            {t.thread.toChats}
          </Link>
        )}
      </div>
      <h1 className="pb-5 text-2xl font-bold tracking-tight">
        {data ? t.thread.heading(Math.max(posts.length, 1)) : t.thread.title}
        {data?.post.channel && (
          <span className="font-normal text-muted"> {t.thread.in(data.post.channel)}</span>
        )}
      </h1>
      {!data && <Skeleton />}
      <ol className="grid gap-1">
        {missing.map(
          (post) => post && <Entry key={post.uri} post={post} open={uri} known={known} />,
        )}
        {posts.map((post) => (
          <Entry key={post.uri} post={post} open={uri} known={known} />
        ))}
      </ol>
    </Page>
  );
}

interface EntryProps {
  post: Post | DeletedPost;
  /** URI of the post that was opened. */
  open: string;
  known: ReadonlyMap<string, Post | DeletedPost>;
}

function Entry({ post, open, known }: EntryProps) {
  const t = useText();
  const lit = post.uri === open;
  const ref = useRef<HTMLLIElement>(null);
  useLayoutEffect(() => {
    if (lit && rememberedScroll() === undefined) ref.current?.scrollIntoView({ block: "center" });
  }, [lit]);
  if ("deleted" in post) {
    return (
      <li ref={ref} className="rounded-2xl border border-dashed border-line p-4 text-sm text-muted">
        {t.post.deleted}
      </li>
    );
  }
  const parent = post.reply_to ? known.get(post.reply_to) : undefined;
  return (
    <li
      ref={ref}
      aria-current={lit ? "true" : undefined}
      className={`grid gap-1.5 rounded-2xl border p-4 ${lit ? "border-amber bg-mark/50" : "offscreen-cheap border-transparent hover:bg-side"}`}
    >
      {lit && <span className="sr-only">{t.thread.highlighted}</span>}
      <div className="flex items-start justify-between gap-2">
        <PostHead post={post} />
        <TellMenu post={post} />
      </div>
      {parent && !("deleted" in parent) && (
        <Link
          href={parent.app_url}
          className="flex min-w-0 items-center gap-1 text-xs text-muted hover:text-ink"
        >
          <Icon name="reply" className="size-3.5" />
          <span className="truncate">
            {t.post.replyTo(parent.author.handle)}: {parent.text}
          </span>
        </Link>
      )}
      <PostText text={post.text} />
      <Counts post={post} />
    </li>
  );
}

function Counts({ post }: { post: Post }) {
  const t = useText();
  const said = [
    post.likes > 0 && t.post.likes(post.likes),
    post.reposts > 0 && t.post.reposts(post.reposts),
  ].filter((text) => text !== false);
  if (said.length === 0 && !post.url) return null;
  return (
    <p className="flex flex-wrap gap-x-3 text-xs text-muted">
      {said.join(" · ")}
      {post.url && (
        <a
          href={post.url}
          target="_blank"
          rel="noopener noreferrer nofollow ugc"
          className="inline-flex items-center gap-1 hover:text-ink hover:underline"
        >
          <Icon name="external" className="size-3.5" />
          {t.post.original}
        </a>
      )}
    </p>
  );
}
