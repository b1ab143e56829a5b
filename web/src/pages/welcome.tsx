/** What the start page says around the box: what Myna is, what one can ask, whose posts these are. */

import { ApiError } from "../api/client.ts";
import { useConfig } from "../api/queries.ts";
import type { Network } from "../api/types.ts";
import { useSpeech, useText } from "../i18n/language.tsx";
import { Bird } from "../ui/bird.tsx";
import { Icon } from "../ui/icon.tsx";
import { linkify } from "../text/links.ts";
import { licenseName } from "./license.ts";

export function Welcome() {
  const { t, language } = useSpeech();
  const { data: config, failureReason } = useConfig();
  const networks = new Intl.ListFormat(language).format(
    config?.networks.map((network) => network.title) ?? [],
  );
  return (
    <div className="mx-auto mt-auto w-full max-w-3xl px-4 pt-6 pb-6 sm:px-8">
      <Bird className="mb-4 size-14" />
      <h1 className="text-4xl leading-none font-bold tracking-tight sm:text-5xl">
        {t.empty.heading}
      </h1>
      <p className="mt-4 min-h-13 max-w-xl text-[1.05rem] leading-relaxed text-muted">
        {!config && failureReason && (
          <span role="status">
            {isUnreachable(failureReason) ? t.empty.unreachable : failureReason.message}
          </span>
        )}
        {config &&
          (config.posts > 0 && networks
            ? t.empty.text(t.empty.posts(config.posts), networks)
            : t.empty.nothing)}
      </p>
    </div>
  );
}

export function Suggestions({ onAsk }: { onAsk: (text: string) => Promise<boolean> }) {
  const t = useText();
  const suggestions = useConfig().data?.suggestions ?? [];
  if (suggestions.length === 0) return null;
  return (
    <section aria-label={t.empty.try} className="mx-auto w-full max-w-3xl px-3 pt-4 sm:px-6">
      <ul className="grid gap-2.5 sm:grid-cols-3">
        {suggestions.map((suggestion) => (
          <li key={suggestion} className="flex">
            <button
              type="button"
              onClick={() => void onAsk(suggestion)}
              className="group flex w-full items-start justify-between gap-2 rounded-2xl border border-line p-3.5 text-left text-[0.95rem] leading-snug hover:border-amber hover:bg-surface"
            >
              {suggestion}
              <Icon
                name="right"
                className="mt-0.5 size-4 text-muted transition-transform group-hover:translate-x-0.5 group-hover:text-ink"
              />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

const isUnreachable = (error: Error) => error instanceof ApiError && error.status === 0;

/** Attribution and the model, at the foot. */
export function Facts() {
  const t = useText();
  const { data: config } = useConfig();
  return (
    <div className="mx-auto mt-auto grid w-full max-w-3xl gap-1.5 px-4 pt-8 pb-4 text-xs text-muted sm:px-8">
      {config?.networks.map((network) => (
        <p key={network.name}>
          {t.empty.source} <Attribution network={network} />
        </p>
      ))}
      {config?.model.name && (
        <p>
          {config.model.small ? t.empty.small(config.model.name) : t.empty.model(config.model.name)}
        </p>
      )}
    </div>
  );
}

/** Whose posts these are, and under which licence. */
export function Attribution({ network }: { network: Network }) {
  const link = "underline underline-offset-2 hover:text-ink";
  return (
    <>
      {network.home_url ? (
        <a href={network.home_url} target="_blank" rel="noopener noreferrer" className={link}>
          {network.title}
        </a>
      ) : (
        network.title
      )}
      {". "}
      {linkify(network.attribution.replace(/\.$/, "")).map((piece) =>
        piece.kind === "link" ? (
          <a
            key={piece.href}
            href={piece.href}
            target="_blank"
            rel="noopener noreferrer"
            className={link}
          >
            {new URL(piece.href).host}
          </a>
        ) : (
          piece.text
        ),
      )}
      {network.license_url && (
        <>
          {". "}
          <a
            href={network.license_url}
            target="_blank"
            rel="noopener noreferrer license"
            className={link}
          >
            {licenseName(network.license_url)}
          </a>
        </>
      )}
      .
    </>
  );
}
