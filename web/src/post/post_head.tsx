/** Who wrote a post, where and when. */

import type { CSSProperties } from "react";
import type { Author, Post } from "../api/types.ts";
import { useSpeech } from "../i18n/language.tsx";
import { Time, inFull } from "../i18n/time.tsx";

/** A stable hue in degrees for a handle, so that the eye finds the same person again. */
export function hueOf(handle: string): number {
  let hash = 0;
  for (const character of handle) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}

export function Avatar({ author, className = "size-6" }: { author: Author; className?: string }) {
  const initial = [...(author.name || author.handle).replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "·";
  return (
    <span
      aria-hidden="true"
      style={{ "--hue": hueOf(author.handle) } as CSSProperties}
      className={`grid shrink-0 place-items-center avatar text-[0.7rem] font-semibold uppercase ${author.is_bot ? "rounded-md" : "rounded-full"} ${className}`}
    >
      {initial}
    </span>
  );
}

export function AuthorName({ author }: { author: Author }) {
  const { t } = useSpeech();
  const named = author.name !== "" && author.name !== author.handle;
  return (
    <>
      <span className="truncate font-semibold text-ink">{named ? author.name : author.handle}</span>
      {named && <span className="truncate text-muted">{author.handle}</span>}
      {author.is_bot && (
        <span
          title={t.post.botText}
          className="rounded border border-line px-1 text-[0.7em] leading-[1.5] text-muted"
        >
          {t.post.bot}
        </span>
      )}
    </>
  );
}

/** When a post was written; a replayed one says so on hover. */
export function PostTime({ post, className }: { post: Post; className?: string }) {
  const { t, language } = useSpeech();
  if (!post.original_created_at) {
    return <Time iso={post.created_at} {...(className ? { className } : {})} />;
  }
  return (
    <span
      title={t.post.replayed(inFull(post.original_created_at, language))}
      className={`underline decoration-dotted underline-offset-2 ${className ?? ""}`}
    >
      <Time iso={post.created_at} />
    </span>
  );
}

export function PostHead({ post }: { post: Post }) {
  const { t } = useSpeech();
  return (
    <div className="flex min-w-0 items-center gap-2 text-sm">
      <Avatar author={post.author} />
      <div className="flex min-w-0 flex-wrap items-baseline gap-x-1.5 leading-tight">
        <AuthorName author={post.author} />
        <span className="text-[0.92em] text-muted">
          {post.channel && <>{post.channel} · </>}
          <PostTime post={post} />
          {post.edited_at && <> · {t.post.edited}</>}
        </span>
      </div>
    </div>
  );
}
