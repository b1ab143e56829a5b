/** What Myna can be asked about a post: explain it, sum up its thread or author, weigh its truth. */

import * as Menu from "@radix-ui/react-dropdown-menu";
import { useState } from "react";
import type { Post, Telling } from "../api/types.ts";
import { tell } from "../chat/actions.ts";
import { useSpeech } from "../i18n/language.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { MENU, MENU_ITEM } from "../ui/menu.ts";
import { toast } from "../ui/toast.tsx";

const TELLINGS: readonly [Telling, IconName][] = [
  ["explain", "info"],
  ["check", "check"],
  ["thread", "thread"],
  ["profile", "person"],
];

export function TellMenu({ post }: { post: Post }) {
  const { t, language } = useSpeech();
  const [asking, setAsking] = useState(false);
  const choose = (kind: Telling) => {
    setAsking(true);
    tell(kind, post, language)
      .catch(() => toast(t.post.tellFailed, true))
      .finally(() => setAsking(false));
  };
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger asChild>
        <button
          type="button"
          disabled={asking}
          aria-label={t.post.tell(post.author.handle)}
          title={t.post.tell(post.author.handle)}
          className="grid size-8 shrink-0 place-items-center rounded-lg text-muted hover:bg-hover hover:text-ink disabled:opacity-50 pointer-coarse:size-10"
        >
          <Icon name="bird" className="size-4.5" />
        </button>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content align="end" sideOffset={4} collisionPadding={8} className={MENU}>
          {TELLINGS.map(([kind, icon]) => (
            <Menu.Item key={kind} className={MENU_ITEM} onSelect={() => choose(kind)}>
              <Icon name={icon} className="size-4" />
              {t.post.telling[kind]}
            </Menu.Item>
          ))}
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}
