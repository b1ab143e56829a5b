/** The frame: the chats at the left (a drawer on small screens), the page in the middle. */

import { Component, useState, type ReactNode } from "react";
import { useText } from "./i18n/language.tsx";
import { AboutPage } from "./pages/about_page.tsx";
import { ChatPage } from "./pages/chat_page.tsx";
import { Failure } from "./pages/failure.tsx";
import { MePage } from "./pages/me_page.tsx";
import { SearchPage } from "./pages/search_page.tsx";
import { ThreadPage } from "./pages/thread_page.tsx";
import { Link, useRoute, useTitle, type Route } from "./router.tsx";
import { Sidebar, useNewChatKey } from "./sidebar/sidebar.tsx";
import { Bird } from "./ui/bird.tsx";
import { Button, IconButton } from "./ui/button.tsx";
import { Dialog } from "./ui/dialog.tsx";
import { Toasts } from "./ui/toast.tsx";

export function App() {
  const t = useText();
  const route = useRoute();
  useNewChatKey();
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a
        href="#main"
        className="sr-only z-50 rounded-lg bg-ink px-4 py-2 text-page focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        {t.app.skip}
      </a>
      <TopBar route={route} />
      <aside className="hidden w-66 shrink-0 border-r border-line md:block">
        <Sidebar />
      </aside>
      <main id="main" tabIndex={-1} className="min-h-0 min-w-0 grow outline-none">
        <Crash key={route.page}>
          <RoutedPage route={route} />
        </Crash>
      </main>
      <Toasts />
    </div>
  );
}

function RoutedPage({ route }: { route: Route }) {
  switch (route.page) {
    case "chat":
      return <ChatPage id={route.id} />;
    case "post":
      return <ThreadPage key={route.uri} network={route.network} uri={route.uri} />;
    case "search":
      return <SearchPage query={route.query} sort={route.sort} />;
    case "about":
      return <AboutPage />;
    case "me":
      return <MePage />;
    case "lost":
      return <LostPage />;
  }
}

function LostPage() {
  const t = useText();
  useTitle(t.app.title(t.lost.title));
  return <Failure text={t.lost.text} />;
}

/** On small screens: the mark, and the two things one wants most. */
function TopBar({ route }: { route: Route }) {
  const t = useText();
  // Open on one route only: a way taken inside the drawer closes it.
  const [openOn, setOpenOn] = useState<Route | null>(null);
  const open = openOn === route;
  const setOpen = (next: boolean) => setOpenOn(next ? route : null);
  return (
    <header className="flex shrink-0 items-center gap-1 border-b border-line px-2 py-1.5 md:hidden">
      <IconButton
        icon="menu"
        label={t.nav.open}
        aria-expanded={open}
        onClick={() => setOpen(true)}
      />
      <Link href="/" className="mx-auto flex items-center gap-2 rounded-lg px-2">
        <Bird className="size-6" />
        <span className="font-display text-lg font-bold tracking-tight">Myna</span>
      </Link>
      <Link
        href="/"
        aria-label={t.nav.newChat}
        className="grid size-9 place-items-center rounded-lg text-2xl leading-none text-muted hover:bg-hover"
      >
        +
      </Link>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        label={t.nav.label}
        className="m-0 h-dvh max-h-none w-[min(19rem,86vw)] max-w-none border-r border-line bg-side shadow-2xl"
      >
        <Sidebar onClose={() => setOpen(false)} />
      </Dialog>
    </header>
  );
}

/** Catches an error of a page, so that the rest still works. */
class Crash extends Component<{ children: ReactNode }, { crashed: boolean }> {
  override state = { crashed: false };

  static getDerivedStateFromError() {
    return { crashed: true };
  }

  override render() {
    return this.state.crashed ? <CrashNote /> : this.props.children;
  }
}

function CrashNote() {
  const t = useText();
  return (
    <div role="alert" className="grid h-full place-content-center justify-items-center gap-4 p-6">
      <p className="max-w-md text-center text-muted">{t.failure.crashed}</p>
      <Button icon="again" onClick={() => location.reload()}>
        {t.failure.reload}
      </Button>
    </div>
  );
}
