/** Proving an account by signing in with its network: the browser goes there and comes back. */

import { useEffect, useState, type FormEvent } from "react";
import { api, ApiError } from "../api/client.ts";
import { useText } from "../i18n/language.tsx";
import { navigate } from "../router.tsx";
import { Button } from "../ui/button.tsx";
import { toast } from "../ui/toast.tsx";

export function SignIn({ network }: { network: string }) {
  const t = useText();
  const [account, setAccount] = useState("");
  const [leaving, setLeaving] = useState(false);
  const go = async (event: FormEvent) => {
    event.preventDefault();
    setLeaving(true);
    try {
      const { address } = await api.signIn(network, account.trim());
      location.assign(address);
    } catch (error) {
      setLeaving(false);
      toast(error instanceof ApiError && error.status >= 400 ? error.message : t.me.failed, true);
    }
  };
  return (
    <form onSubmit={(event) => void go(event)} className="grid gap-2 pt-2">
      <h3 className="font-semibold">{t.me.signInHeading}</h3>
      <p className="text-sm text-muted">{t.me.signInText}</p>
      <div className="flex flex-wrap items-center gap-2">
        <input
          aria-label={t.me.signInLabel}
          placeholder={t.me.signInLabel}
          value={account}
          onChange={(event) => setAccount(event.target.value)}
          autoCapitalize="none"
          autoComplete="username"
          spellCheck={false}
          className="h-9 min-w-0 grow basis-64 rounded-lg border border-line bg-surface px-3 text-sm"
        />
        <Button type="submit" disabled={leaving || !account.trim()}>
          {t.me.signIn}
        </Button>
      </div>
    </form>
  );
}

/** Says how a login ended, when the browser has come back from it. */
export function useReturn(): void {
  const t = useText();
  useEffect(() => {
    const ended = new URLSearchParams(location.search).get("proof");
    if (!ended) return;
    if (ended === "done") toast(t.me.signedIn);
    else toast(t.me.notSignedIn, true);
    navigate("/me", { replace: true });
  }, [t]);
}
