/** What Myna is, whose posts it reads, what it keeps, and under which licences. */

import type { ReactNode } from "react";
import { useConfig } from "../api/queries.ts";
import { useText } from "../i18n/language.tsx";
import { Link, useTitle } from "../router.tsx";
import { Bird } from "../ui/bird.tsx";
import { Page } from "./page.tsx";
import { Attribution } from "./welcome.tsx";

export function AboutPage() {
  const t = useText();
  const { data: config } = useConfig();
  useTitle(t.app.title(t.about.title));
  return (
    <Page>
      <Bird className="size-12" />
      <h1 className="pt-3 text-3xl font-bold tracking-tight">{t.about.heading}</h1>
      <div className="grid gap-8 pt-6 leading-relaxed">
        <Part heading={t.about.aiHeading}>
          <p>{t.about.ai}</p>
        </Part>
        <Part heading={t.about.howHeading}>
          <p>
            <span className="chip">1</span> {t.about.howCitation}
          </p>
          <p>
            <span className="span-unsupported">{t.sources.unsupported}</span>{" "}
            {t.about.howUnsupported}
          </p>
          <p>{t.about.howDeclined}</p>
        </Part>
        <Part heading={t.about.postsHeading}>
          {config?.networks.map((network) => (
            <p key={network.name}>
              <Attribution network={network} />
            </p>
          ))}
          <p>{t.about.deletion}</p>
          <p>
            {t.about.consent}{" "}
            <Link href="/me" className="text-link underline underline-offset-2">
              {t.nav.me}
            </Link>
          </p>
        </Part>
        {config?.model.name && (
          <Part heading={t.about.modelHeading}>
            <p>
              {config.model.small
                ? t.empty.small(config.model.name)
                : t.empty.model(config.model.name)}
            </p>
          </Part>
        )}
        <Part heading={t.about.privacyHeading}>
          <p>{t.about.privacy}</p>
        </Part>
        <Part heading={t.about.keysHeading}>
          <dl className="grid grid-cols-[auto_1fr] gap-x-5 gap-y-1.5">
            {t.about.keys.map(([key, meaning]) => (
              <div key={key} className="contents">
                <dt>
                  <kbd className="rounded-md border border-line bg-surface px-1.5 py-0.5 font-sans text-sm">
                    {key}
                  </kbd>
                </dt>
                <dd className="text-muted">{meaning}</dd>
              </div>
            ))}
          </dl>
        </Part>
        <Part heading={t.about.licensesHeading}>
          <p>
            {t.about.licenses}{" "}
            <a href="/licenses.txt" className="text-link underline underline-offset-2">
              {t.about.licensesLink}
            </a>
            {" · "}
            <a href="/licenses_fonts.txt" className="text-link underline underline-offset-2">
              {t.about.fontsLink}
            </a>
          </p>
          {config && <p className="text-sm text-muted">{t.about.version(config.version)}</p>}
        </Part>
      </div>
    </Page>
  );
}

function Part({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <section className="grid max-w-2xl gap-2">
      <h2 className="text-lg font-semibold">{heading}</h2>
      {children}
    </section>
  );
}
