/** A post in full: with what it replies to, its links, and the way to its thread. */

import type { Post } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { Link } from "../router.tsx";
import { Icon } from "../ui/icon.tsx";
import { PostHead } from "./post_head.tsx";
import { PostText } from "./post_text.tsx";
import { TellMenu } from "./tell_menu.tsx";

/** In the place of words that their author does not allow to be quoted. */
export function Withheld() {
  const t = useText();
  return <p className="text-[0.9rem] text-muted italic">{t.sources.withheld}</p>;
}

/** What a post replies to, quoted above it. */
export function ParentQuote({ parent }: { parent: Post }) {
  const t = useText();
  return (
    <blockquote className="border-l-2 border-line pl-3 text-[0.9rem] text-muted">
      <span className="flex items-center gap-1 text-xs">
        <Icon name="reply" className="size-3.5" />
        {t.post.replyTo(parent.author.handle)}
      </span>
      {parent.withheld ? (
        <Withheld />
      ) : (
        <PostText text={parent.text} className="line-clamp-3" plain />
      )}
    </blockquote>
  );
}

export function PostCard({ post, parent }: { post: Post; parent: Post | null }) {
  const t = useText();
  return (
    <div className="grid gap-2.5 text-[0.95rem]">
      <PostHead post={post} />
      {parent && <ParentQuote parent={parent} />}
      {post.withheld ? <Withheld /> : <PostText text={post.text} />}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm">
        <Link
          href={post.app_url}
          className="inline-flex items-center gap-1.5 font-medium text-link hover:underline"
        >
          <Icon name="thread" className="size-4" />
          {t.post.open}
        </Link>
        {!post.withheld && <TellMenu post={post} />}
        {post.url && (
          <a
            href={post.url}
            target="_blank"
            rel="noopener noreferrer nofollow ugc"
            className="inline-flex items-center gap-1.5 text-muted hover:text-ink hover:underline"
          >
            <Icon name="external" className="size-4" />
            {t.post.original}
          </a>
        )}
      </div>
    </div>
  );
}
