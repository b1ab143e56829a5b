/** The left side: the mark, the ways to the pages, the chats, and how the index is doing. */

import { useEffect, useRef, useState } from "react";
import { useConfig, useStatus } from "../api/queries.ts";
import { useSpeech, useText } from "../i18n/language.tsx";
import { Link, navigate, useRoute } from "../router.tsx";
import { Bird } from "../ui/bird.tsx";
import { IconButton } from "../ui/button.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { ChatList } from "./chat_list.tsx";
import { Preferences } from "./preferences.tsx";

export function Sidebar({ onClose }: { onClose?: () => void }) {
  const t = useText();
  const page = useRoute().page;
  return (
    <div className="flex h-full flex-col gap-1 bg-side p-3 text-[0.95rem]">
      <div className="flex items-center justify-between pb-2">
        <Link href="/" className="flex items-center gap-2 rounded-lg px-2 py-1">
          <Bird className="size-7" />
          <span className="font-display text-xl font-bold tracking-tight">Myna</span>
        </Link>
        {onClose && <IconButton icon="close" label={t.nav.close} onClick={onClose} />}
      </div>
      <Entry href="/" icon="plus" text={t.nav.newChat} hint="Ctrl K" />
      <Entry href="/search" icon="search" text={t.nav.search} current={page === "search"} />
      <nav aria-label={t.nav.label} className="-mx-1 mt-3 min-h-0 grow overflow-y-auto px-1">
        <ChatList />
      </nav>
      <Pulse />
      <Entry href="/me" icon="person" text={t.nav.me} current={page === "me"} />
      <div className="flex items-center gap-1">
        <div className="grow">
          <Entry href="/about" icon="info" text={t.nav.about} current={page === "about"} />
        </div>
        <Preferences />
      </div>
    </div>
  );
}

interface EntryProps {
  href: string;
  icon: IconName;
  text: string;
  hint?: string;
  current?: boolean;
}

function Entry({ href, icon, text, hint, current = false }: EntryProps) {
  return (
    <Link
      href={href}
      aria-current={current ? "page" : undefined}
      className={`group flex h-9 items-center gap-2.5 rounded-lg px-2.5 hover:bg-hover ${current ? "bg-hover font-medium" : ""}`}
    >
      <Icon name={icon} className="size-[1.1rem] text-muted group-hover:text-ink" />
      <span className="grow truncate">{text}</span>
      {hint && (
        <kbd className="hidden font-sans text-xs text-muted opacity-0 group-hover:opacity-100 pointer-fine:block">
          {hint}
        </kbd>
      )}
    </Link>
  );
}

/** How many posts there are, and what has just come in. */
function Pulse() {
  const { t } = useSpeech();
  const posts = useConfig().data?.posts;
  const { data: status } = useStatus();
  const arrived = useGrowth(status?.posts);
  const total = status?.posts ?? posts;
  if (total === undefined) return null;
  const lag = status?.index.lag ?? 0;
  const behind = lag > 0;
  const news = behind ? t.nav.behind(lag) : arrived > 0 ? t.nav.arrived(arrived) : t.nav.upToDate;
  return (
    <p className="flex items-center gap-2 px-2.5 py-1.5 text-xs leading-tight text-muted">
      <span
        className={`size-1.5 shrink-0 rounded-full ${behind ? "bg-doubt" : "bg-amber"} ${arrived > 0 || behind ? "pulse-dot" : ""}`}
      />
      <span>
        {t.nav.posts(total)} · {news}
      </span>
    </p>
  );
}

/** By how much a number has grown since it was last told. */
function useGrowth(value: number | undefined): number {
  const before = useRef(value);
  const [growth, setGrowth] = useState(0);
  useEffect(() => {
    if (value === undefined) return;
    if (before.current !== undefined) setGrowth(Math.max(0, value - before.current));
    before.current = value;
  }, [value]);
  return growth;
}

/** Ctrl+K or ⌘K begins a new chat, from anywhere. */
export function useNewChatKey(): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      navigate("/");
      document.querySelector<HTMLTextAreaElement>("main textarea")?.focus();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}
