/** The posts that an answer was given, there before its first word. */

import { useState } from "react";
import type { Message, Source } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { ParentQuote, Withheld } from "../post/post_card.tsx";
import { Avatar, AuthorName, PostHead, PostTime } from "../post/post_head.tsx";
import { PostText } from "../post/post_text.tsx";
import { Link } from "../router.tsx";
import { citedNumbers } from "./citations.tsx";

export function Sources({ message }: { message: Message }) {
  const t = useText();
  const [all, setAll] = useState(false);
  const { sources } = message;
  if (sources.length === 0) return null;
  const cited = citedNumbers(message);
  const nearest =
    message.outcome === "declined" || message.notices.some((n) => n.code === "nearest_posts");
  return (
    <div
      role="group"
      aria-label={nearest ? t.sources.nearest : t.sources.heading}
      className="grid gap-2"
    >
      <div className="flex items-baseline gap-2 text-sm text-muted">
        <h3 className="font-sans font-semibold text-ink">
          {nearest ? t.sources.nearest : t.sources.heading}
        </h3>
        <span>
          {message.state === "done" && !nearest && cited.size > 0
            ? t.sources.cited(cited.size, sources.length)
            : t.sources.count(sources.length)}
        </span>
        <button
          type="button"
          aria-expanded={all}
          onClick={() => setAll(!all)}
          className="ml-auto rounded font-medium text-link hover:underline"
        >
          {all ? t.sources.fewer : t.sources.all}
        </button>
      </div>
      {all ? (
        <ol className="grid gap-2">
          {sources.map((source) => (
            <li key={source.number}>
              <WholeCard source={source} cited={cited.has(source.number)} />
            </li>
          ))}
        </ol>
      ) : (
        <ol className="scroll-fade -mx-3 flex snap-x scroll-px-3 gap-2.5 overflow-x-auto px-3 pb-2">
          {sources.map((source) => (
            <li key={source.number} className="flex animate-appear w-60 shrink-0 snap-start">
              <SmallCard source={source} cited={cited.has(source.number)} />
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

interface CardProps {
  source: Source;
  cited: boolean;
}

function Badge({ source, cited }: CardProps) {
  const t = useText();
  return (
    <span
      aria-label={t.sources.number(source.number)}
      className={`grid h-5 min-w-5 shrink-0 place-items-center rounded-md px-1 text-xs font-semibold tabular-nums ${cited ? "bg-amber text-[#2a1c00]" : "bg-hover text-muted"}`}
    >
      {source.number}
    </span>
  );
}

const CARD = "rounded-xl border border-line bg-surface transition-colors hover:border-amber";

function SmallCard({ source, cited }: CardProps) {
  const t = useText();
  const { post, parent } = source;
  if (!post) return <Gone source={source} />;
  return (
    <Link href={post.app_url} className={`${CARD} flex w-full min-w-0 flex-col gap-2 p-3`}>
      <span className="flex min-w-0 items-center gap-2 text-sm">
        <Avatar author={post.author} />
        <span className="flex min-w-0 grow items-baseline gap-1.5">
          <AuthorName author={post.author} />
        </span>
        <Badge source={source} cited={cited} />
      </span>
      {parent && (
        <span className="truncate border-l-2 border-line pl-2 text-xs text-muted">
          {t.post.replyTo(parent.author.handle)}
        </span>
      )}
      {post.withheld ? (
        <Withheld />
      ) : (
        <PostText text={post.text} plain className="line-clamp-3 text-[0.9rem] leading-snug" />
      )}
      <span className="mt-auto truncate text-xs text-muted">
        {post.channel && <>{post.channel} · </>}
        <PostTime post={post} />
        <Copies source={source} before=" · " />
      </span>
    </Link>
  );
}

function WholeCard({ source, cited }: CardProps) {
  const { post, parent } = source;
  if (!post) return <Gone source={source} />;
  return (
    <Link href={post.app_url} className={`${CARD} grid gap-2 p-3.5 text-[0.95rem]`}>
      <span className="flex items-start justify-between gap-2">
        <PostHead post={post} />
        <Badge source={source} cited={cited} />
      </span>
      {parent && <ParentQuote parent={parent} />}
      {post.withheld ? <Withheld /> : <PostText text={post.text} plain />}
      <span className="text-xs text-muted empty:hidden">
        <Copies source={source} />
      </span>
    </Link>
  );
}

/** How many other posts say the same. */
function Copies({ source, before = "" }: { source: Source; before?: string }) {
  const t = useText();
  const others = (source.copies ?? 1) - 1;
  return others > 0 ? <>{before + t.sources.copies(others)}</> : null;
}

function Gone({ source }: { source: Source }) {
  const t = useText();
  return (
    <div className="flex w-full items-start justify-between gap-2 rounded-xl border border-dashed border-line p-3 text-sm text-muted">
      {t.sources.deleted}
      <Badge source={source} cited={false} />
    </div>
  );
}
