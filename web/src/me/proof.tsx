/** Proving that an account is one's own: a code, to be posted from it or sent, or a login. */

import { useEffect, useRef, useState } from "react";
import { api } from "../api/client.ts";
import { keys, queryClient } from "../api/queries.ts";
import type { Claim, Me } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { toast } from "../ui/toast.tsx";
import { SignIn } from "./sign_in.tsx";

export function Proof({ me }: { me: Me }) {
  const t = useText();
  const [claim, setClaim] = useState<Claim | null>(null);
  const [chosen, setChosen] = useState("");
  const network = chosen || me.networks[0] || "";
  const known = useRef(me.accounts.length);
  useEffect(() => {
    const fresh = me.accounts.at(-1);
    if (me.accounts.length > known.current && fresh) {
      setClaim(null);
      toast(t.me.proven(fresh.handle));
    }
    known.current = me.accounts.length;
  }, [me.accounts, t]);

  const ask = async () => {
    try {
      setClaim(await api.claim(network));
      await queryClient.invalidateQueries({ queryKey: keys.me });
    } catch {
      toast(t.me.failed, true);
    }
  };
  return (
    <section className="grid max-w-2xl gap-3">
      <h2 className="text-lg font-semibold">
        {me.accounts.length > 0 ? t.me.another : t.me.proveHeading}
      </h2>
      <p>{t.me.prove}</p>
      <p className="text-sm text-muted">{t.me.never}</p>
      <div className="flex flex-wrap items-center gap-2">
        {me.networks.length > 1 && (
          <select
            aria-label={t.me.network}
            value={network}
            onChange={(event) => setChosen(event.target.value)}
            className="h-9 rounded-lg border border-line bg-surface px-2 text-sm"
          >
            {me.networks.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
        <Button look="strong" disabled={!network} onClick={() => void ask()}>
          {claim ? t.me.anotherCode : t.me.getCode}
        </Button>
      </div>
      {claim && <Code claim={claim} />}
      {claim &&
        me.messages
          .filter((to) => to.network === claim.network)
          .map((to) => (
            <p key={to.handle} className="text-sm">
              {t.me.orMessage(to.handle)}
            </p>
          ))}
      {me.sign_in.includes(network) && <SignIn network={network} />}
      {me.waiting_until && (
        <p role="status" className="flex items-center gap-2.5 text-sm text-muted">
          <span className="pulse-dot size-2 rounded-full bg-amber" />
          {t.me.waiting}
        </p>
      )}
    </section>
  );
}

function Code({ claim }: { claim: Claim }) {
  const t = useText();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(claim.code);
      toast(t.answer.copied);
    } catch {
      toast(t.answer.copyFailed, true);
    }
  };
  return (
    <p className="flex items-center gap-2 rounded-xl border border-line bg-surface p-3">
      <code className="min-w-0 grow font-semibold break-all select-all">{claim.code}</code>
      <IconButton small icon="copy" label={t.me.copyCode} onClick={() => void copy()} />
    </p>
  );
}
