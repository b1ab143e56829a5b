/** A licence's short name from its address: "…/licenses/by/4.0/" is CC BY 4.0. */
export function licenseName(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  const creative = /^\/licenses\/([a-z-]+)\/([\d.]+)/.exec(path);
  if (creative) return `CC ${(creative[1] ?? "").toUpperCase()} ${creative[2]}`;
  const zero = /^\/publicdomain\/zero\/([\d.]+)/.exec(path);
  if (zero) return `CC0 ${zero[1]}`;
  return URL.canParse(url) ? new URL(url).host : url;
}
