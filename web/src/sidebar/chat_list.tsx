/** The chats by day, newest first, each with its menu. */

import * as Menu from "@radix-ui/react-dropdown-menu";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client.ts";
import { keys, queryClient, useChats } from "../api/queries.ts";
import type { Chat, ChatSummary } from "../api/types.ts";
import { announce } from "../chat/streams.ts";
import { useText } from "../i18n/language.tsx";
import { dayGroup, type DayGroup } from "../i18n/time.tsx";
import { Link, navigate, useRoute } from "../router.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { MENU, MENU_ITEM } from "../ui/menu.ts";
import { toast } from "../ui/toast.tsx";

const GROUPS: readonly DayGroup[] = ["today", "yesterday", "week", "older"];

export function ChatList() {
  const t = useText();
  const { data: chats, isError } = useChats();
  const [deleting, setDeleting] = useState<ChatSummary | null>(null);
  if (!chats) return isError ? <Note text={t.nav.failed} /> : null;
  if (chats.length === 0) return <Note text={t.nav.empty} />;
  return (
    <>
      {GROUPS.map((group) => {
        const members = chats.filter((chat) => dayGroup(chat.updated_at) === group);
        if (members.length === 0) return null;
        return (
          <section key={group} className="pb-3">
            <h2 className="px-2.5 pb-1 font-sans text-xs font-semibold text-muted">
              {t.nav[group]}
            </h2>
            <ul>
              {members.map((chat) => (
                <ChatEntry key={chat.id} chat={chat} onDelete={() => setDeleting(chat)} />
              ))}
            </ul>
          </section>
        );
      })}
      <DeleteDialog chat={deleting} onClose={() => setDeleting(null)} />
    </>
  );
}

function Note({ text }: { text: string }) {
  return <p className="px-2.5 py-2 text-sm text-muted">{text}</p>;
}

function ChatEntry({ chat, onDelete }: { chat: ChatSummary; onDelete: () => void }) {
  const t = useText();
  const route = useRoute();
  const [renaming, setRenaming] = useState(false);
  const current = route.page === "chat" && route.id === chat.id;
  const title = chat.title || t.app.untitled;
  if (renaming) return <RenameForm chat={chat} onDone={() => setRenaming(false)} />;
  return (
    <li
      className={`group flex items-center rounded-lg hover:bg-hover has-[[data-state=open]]:bg-hover ${current ? "bg-hover" : ""}`}
    >
      <Link
        href={`/c/${chat.id}`}
        aria-current={current ? "page" : undefined}
        title={title}
        className="min-w-0 grow truncate rounded-lg py-1.5 pl-2.5"
      >
        {title}
      </Link>
      <Menu.Root modal={false}>
        <Menu.Trigger asChild>
          <IconButton
            small
            icon="more"
            label={t.chat.options(title)}
            className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 data-[state=open]:opacity-100 pointer-coarse:opacity-100"
          />
        </Menu.Trigger>
        <Menu.Portal container={document.querySelector<HTMLElement>("dialog[open]") ?? undefined}>
          <Menu.Content align="start" sideOffset={4} className={MENU}>
            <Menu.Item className={MENU_ITEM} onSelect={() => setRenaming(true)}>
              <Icon name="pencil" className="size-4 text-muted" />
              {t.chat.rename}
            </Menu.Item>
            <Menu.Item className={`${MENU_ITEM} text-danger`} onSelect={onDelete}>
              <Icon name="trash" className="size-4" />
              {t.chat.delete}
            </Menu.Item>
          </Menu.Content>
        </Menu.Portal>
      </Menu.Root>
    </li>
  );
}

function RenameForm({ chat, onDone }: { chat: ChatSummary; onDone: () => void }) {
  const t = useText();
  const [title, setTitle] = useState(chat.title);
  const rename = useMutation({
    mutationFn: (to: string) => api.renameChat(chat.id, to),
    onMutate: async (to) => {
      // An older list on its way would bring the old name back.
      await queryClient.cancelQueries({ queryKey: keys.chats });
      changeSummaries((chats) =>
        chats.map((other) => (other.id === chat.id ? { ...other, title: to } : other)),
      );
    },
    onError: (error) => toast(error.message, true),
    onSettled: () => {
      void queryClient.invalidateQueries({ queryKey: keys.chats });
      announce(chat.id);
    },
  });
  const save = () => {
    const to = title.trim();
    if (to && to !== chat.title) {
      rename.mutate(to);
      queryClient.setQueryData<Chat>(keys.chat(chat.id), (old) => old && { ...old, title: to });
    }
    onDone();
  };
  return (
    <li>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <input
          // The reader chose "rename": this is where they want to be.
          // oxlint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          value={title}
          maxLength={200}
          aria-label={t.chat.nameLabel}
          onChange={(event) => setTitle(event.target.value)}
          onFocus={(event) => event.target.select()}
          onBlur={save}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.preventDefault();
            onDone();
          }}
          className="w-full rounded-lg border border-amber bg-surface px-2.5 py-1 outline-none"
        />
      </form>
    </li>
  );
}

function DeleteDialog({ chat, onClose }: { chat: ChatSummary | null; onClose: () => void }) {
  const t = useText();
  const route = useRoute();
  const remove = useMutation({
    mutationFn: (gone: ChatSummary) => api.deleteChat(gone.id),
    onSuccess: (_, gone) => {
      changeSummaries((chats) => chats.filter((other) => other.id !== gone.id));
      queryClient.removeQueries({ queryKey: keys.chat(gone.id) });
      if (route.page === "chat" && route.id === gone.id) navigate("/", { replace: true });
      toast(t.chat.deleted);
      announce(gone.id);
    },
    onError: (error) => toast(error.message, true),
    onSettled: onClose,
  });
  return (
    <Dialog
      open={chat !== null}
      onClose={onClose}
      label={t.chat.deleteTitle}
      className="m-auto w-[min(26rem,calc(100vw-2rem))] rounded-2xl border border-line bg-surface p-5 shadow-2xl"
    >
      <h2 className="text-lg font-semibold">{t.chat.deleteTitle}</h2>
      <p className="pt-2 wrap-anywhere text-muted">
        {t.chat.deleteText(chat?.title || t.app.untitled)}
      </p>
      <div className="flex justify-end gap-2 pt-5">
        <Button onClick={onClose}>{t.chat.cancel}</Button>
        <Button
          look="danger"
          icon="trash"
          disabled={remove.isPending}
          onClick={() => chat && remove.mutate(chat)}
        >
          {t.chat.delete}
        </Button>
      </div>
    </Dialog>
  );
}

function changeSummaries(change: (chats: ChatSummary[]) => ChatSummary[]): void {
  queryClient.setQueryData<ChatSummary[]>(keys.chats, (chats) => chats && change(chats));
}
