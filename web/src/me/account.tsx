/** One account: what may be done with its posts, one click a use, and where they were used. */

import { api } from "../api/client.ts";
import { keys, queryClient } from "../api/queries.ts";
import type { Account, Me, UseName, UseRuling, Word } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { toast } from "../ui/toast.tsx";
import { ReceiptList } from "./receipts.tsx";

export function AccountPart({ account }: { account: Account }) {
  const t = useText();
  const leave = async () => {
    try {
      await api.leave(account);
      toast(t.me.left);
    } catch {
      toast(t.me.failed, true);
    }
    await queryClient.invalidateQueries({ queryKey: keys.me });
  };
  return (
    <section aria-label={t.me.account(account.handle, account.network)} className="grid gap-6">
      <div className="flex flex-wrap items-baseline justify-between gap-2 border-b border-line pb-2">
        <h2 className="text-xl font-semibold">{t.me.account(account.handle, account.network)}</h2>
        <button
          type="button"
          className="text-sm text-link hover:underline"
          onClick={() => void leave()}
        >
          {t.me.leave}
        </button>
      </div>
      <div className="grid gap-3">
        <h3 className="text-lg font-semibold">{t.me.usesHeading}</h3>
        <ul className="grid gap-2.5">
          {account.uses.map((ruling) => (
            <li key={ruling.use}>
              <Ruling account={account} ruling={ruling} />
            </li>
          ))}
        </ul>
        {account.uses.some(({ by, allowed }) => by === "network" && !allowed) && (
          <p className="text-sm text-muted">{t.me.networkStands}</p>
        )}
      </div>
      <ReceiptList account={account} />
    </section>
  );
}

const WORDS: (Word | null)[] = ["yes", "no", null];

function Ruling({ account, ruling }: { account: Account; ruling: UseRuling }) {
  const t = useText();
  const [name, meaning] = t.me.uses[ruling.use] ?? [ruling.use, ""];
  const say = async (choice: Word | null) => {
    try {
      await put(account, ruling.use, choice);
      toast(t.me.saved);
    } catch {
      toast(t.me.failed, true);
    }
  };
  const why = ruling.why === "retrieve" ? t.me.follows : t.me.by[ruling.by]?.(ruling.why);
  const labels = { yes: t.me.yes, no: t.me.no };
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 rounded-2xl border border-line bg-surface p-3.5">
      <div className="min-w-52 flex-1">
        <strong>{name}</strong>: {ruling.allowed ? t.me.allowed : t.me.refused}
        <span className="text-sm text-muted"> ({why})</span>
        <p className="text-sm text-muted">{meaning}</p>
      </div>
      <div
        role="group"
        aria-label={t.me.choose(name)}
        className="flex rounded-lg border border-line"
      >
        {WORDS.map((word) => (
          <button
            key={word ?? "unsaid"}
            type="button"
            aria-pressed={ruling.choice === word}
            onClick={() => void say(word)}
            className={`h-9 px-3 text-sm first:rounded-l-lg last:rounded-r-lg ${ruling.choice === word ? "bg-ink text-page" : "hover:bg-hover"}`}
          >
            {word ? labels[word] : t.me.unsaid}
          </button>
        ))}
      </div>
    </div>
  );
}

/** The account as the server has it now takes its place on the page. */
async function put(account: Account, use: UseName, choice: Word | null): Promise<void> {
  const now = await api.say(account, use, choice);
  const same = (one: Account) => one.network === now.network && one.author === now.author;
  queryClient.setQueryData<Me>(keys.me, (me) =>
    me ? { ...me, accounts: me.accounts.map((one) => (same(one) ? now : one)) } : me,
  );
}
