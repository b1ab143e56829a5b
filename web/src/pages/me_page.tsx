/** The member's page: prove an account, say what may be done with its posts, see where they were. */

import { useConfig, useMe } from "../api/queries.ts";
import { useText } from "../i18n/language.tsx";
import { AccountPart } from "../me/account.tsx";
import { Proof } from "../me/proof.tsx";
import { useReturn } from "../me/sign_in.tsx";
import { useTitle } from "../router.tsx";
import { Failure } from "./failure.tsx";
import { Page, Skeleton } from "./page.tsx";

export function MePage() {
  const t = useText();
  const me = useMe();
  const refused = useConfig().data?.refused_by_default;
  useTitle(t.app.title(t.me.title));
  useReturn();
  if (me.isError && !me.data) {
    return <Failure text={t.failure.unreachable} onRetry={() => void me.refetch()} />;
  }
  return (
    <Page ready={me.data !== undefined}>
      <h1 className="text-3xl font-bold tracking-tight">{t.me.heading}</h1>
      <p className="max-w-2xl pt-3 leading-relaxed">{t.me.text}</p>
      {refused && (
        <p className="max-w-2xl pt-2 text-sm text-muted">
          {t.me.defaults(refused.map((use) => t.me.uses[use]?.[0] ?? use).join(", "))}
        </p>
      )}
      {me.data ? (
        <div className="grid gap-10 pt-8">
          {me.data.accounts.map((account) => (
            <AccountPart key={`${account.network} ${account.author}`} account={account} />
          ))}
          <Proof me={me.data} />
        </div>
      ) : (
        <Skeleton rows={2} />
      )}
    </Page>
  );
}
