/** Where the posts of an account were used. */

import { receiptsFile } from "../api/client.ts";
import { useReceipts } from "../api/queries.ts";
import type { Account, Receipt } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { Time } from "../i18n/time.tsx";
import { Link } from "../router.tsx";
import { Button } from "../ui/button.tsx";

export function ReceiptList({ account }: { account: Account }) {
  const t = useText();
  const pages = useReceipts(account);
  const receipts = pages.data?.pages.flatMap((page) => page.receipts) ?? [];
  return (
    <div className="grid gap-3">
      <h3 className="text-lg font-semibold">{t.me.receiptsHeading}</h3>
      {account.receipts === 0 ? (
        <p className="text-muted">{t.me.noReceipts}</p>
      ) : (
        <>
          <p className="text-sm text-muted">
            {t.me.receipts(account.receipts)} {t.me.receiptsText}{" "}
            <a href={receiptsFile(account)} download className="text-link underline">
              {t.me.export}
            </a>
          </p>
          <ol className="grid gap-2.5">
            {receipts.map((receipt) => (
              <li key={receipt.id} className="rounded-2xl border border-line bg-surface p-3.5">
                <Used receipt={receipt} />
              </li>
            ))}
          </ol>
          {pages.hasNextPage && (
            <div>
              <Button disabled={pages.isFetching} onClick={() => void pages.fetchNextPage()}>
                {t.me.more}
              </Button>
            </div>
          )}
        </>
      )}
    </div>
  );
}

function Used({ receipt }: { receipt: Receipt }) {
  const t = useText();
  const how =
    receipt.model === null
      ? t.me.readUnknown
      : receipt.model === "myna"
        ? t.me.quotedOnly
        : t.me.read(receipt.model);
  const post = `/p/${encodeURIComponent(receipt.network)}/${encodeURIComponent(receipt.uri)}`;
  return (
    <div className="grid gap-1.5 text-sm">
      <p className="flex flex-wrap items-baseline gap-x-2 text-muted">
        <Time iso={receipt.at} />
        <span>
          {t.me.doors[receipt.door]}, {how}
        </span>
        <Link href={post} className="text-link hover:underline">
          {t.post.open}
        </Link>
      </p>
      {receipt.spans.length === 0 && <p className="text-muted">{t.me.notCited}</p>}
      {receipt.spans.map((span) =>
        span.words === null ? (
          <p key={span.start} className="text-muted italic">
            {t.me.notKept}
          </p>
        ) : (
          <blockquote key={span.start} className="border-l-2 border-line pl-3 wrap-anywhere">
            {span.words}
          </blockquote>
        ),
      )}
    </div>
  );
}
