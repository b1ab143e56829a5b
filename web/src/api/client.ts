/** Calls to the back end. Every failure becomes an ApiError whose code can be shown or acted on. */

import type {
  Account,
  Chat,
  ChatSummary,
  Claim,
  Config,
  Me,
  Message,
  PostView,
  Receipts,
  SearchCounts,
  SearchResult,
  SearchSort,
  Status,
  Telling,
  Thread,
  TrendWindow,
  TrendsResult,
  UseName,
  Word,
} from "./types.ts";

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    /** The back end's error code, or "unreachable". */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface ErrorBody {
  error?: { message?: unknown; code?: unknown; type?: unknown };
}

/** The error that a response other than 2xx stands for. */
export async function errorOf(response: Response): Promise<ApiError> {
  let body: ErrorBody = {};
  try {
    body = (await response.json()) as ErrorBody;
  } catch {
    // Not JSON: a proxy's page, perhaps. The status has to do.
  }
  const { message, code, type } = body.error ?? {};
  return new ApiError(
    response.status,
    typeof code === "string" ? code : typeof type === "string" ? type : "http",
    typeof message === "string" ? message : `HTTP ${response.status}`,
  );
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal) {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "Myna cannot be reached.");
  }
  if (!response.ok) throw await errorOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** A post's address below /api/posts/ or /api/threads/. */
function address(network: string, uri: string): string {
  return `${encodeURIComponent(network)}/${encodeURIComponent(uri)}`;
}

const whose = ({
  network,
  author,
}: Pick<Account, "network" | "author">): Record<string, string> => ({
  network,
  author,
});

/** Where all receipts of an account can be had as a file. */
export const receiptsFile = (account: Account): string =>
  `/api/me/receipts.json?${new URLSearchParams(whose(account))}`;

export const api = {
  config: (signal?: AbortSignal) => call<Config>("GET", "/api/config", undefined, signal),
  status: (signal?: AbortSignal) => call<Status>("GET", "/api/status", undefined, signal),

  chats: (signal?: AbortSignal) =>
    call<{ chats: ChatSummary[] }>("GET", "/api/chats", undefined, signal),
  chat: (id: string, signal?: AbortSignal) =>
    call<Chat>("GET", `/api/chats/${id}`, undefined, signal),
  createChat: () => call<Chat>("POST", "/api/chats", {}),
  renameChat: (id: string, title: string) =>
    call<ChatSummary>("PATCH", `/api/chats/${id}`, { title }),
  deleteChat: (id: string) => call<void>("DELETE", `/api/chats/${id}`),

  ask: (chat: string, text: string, parent: string | null, language: string) =>
    call<{ user: Message; assistant: Message }>("POST", `/api/chats/${chat}/messages`, {
      text,
      parent_id: parent,
      language,
    }),
  tell: (kind: Telling, network: string, uri: string, language: string) =>
    call<{ user: Message; assistant: Message }>("POST", "/api/tell", {
      kind,
      network,
      uri,
      language,
    }),
  regenerate: (message: string, language: string) =>
    call<{ assistant: Message }>("POST", `/api/messages/${message}/regenerate`, { language }),
  stop: (message: string) => call<Message>("POST", `/api/messages/${message}/stop`),

  search: (query: string, sort: SearchSort, cursor: string | null, signal?: AbortSignal) =>
    call<SearchResult>(
      "GET",
      `/api/search?${new URLSearchParams({ q: query, sort, limit: "25", ...(cursor ? { cursor } : {}) })}`,
      undefined,
      signal,
    ),
  counts: (query: string, signal?: AbortSignal) =>
    call<SearchCounts>(
      "GET",
      `/api/search/counts?${new URLSearchParams({ q: query })}`,
      undefined,
      signal,
    ),
  trends: (window: TrendWindow, limit: number, signal?: AbortSignal) =>
    call<TrendsResult>(
      "GET",
      `/api/trends?${new URLSearchParams({ window, limit: String(limit) })}`,
      undefined,
      signal,
    ),
  post: (network: string, uri: string, signal?: AbortSignal) =>
    call<PostView>("GET", `/api/posts/${address(network, uri)}`, undefined, signal),
  thread: (network: string, root: string, signal?: AbortSignal) =>
    call<Thread>("GET", `/api/threads/${address(network, root)}`, undefined, signal),

  me: (signal?: AbortSignal) => call<Me>("GET", "/api/me", undefined, signal),
  claim: (network: string) => call<Claim>("POST", "/api/me/claims", { network }),
  signIn: (network: string, account: string) =>
    call<{ address: string }>("POST", "/api/me/sign-ins", { network, account }),
  leave: (account: Account) =>
    call<void>("DELETE", `/api/me/accounts?${new URLSearchParams(whose(account))}`),
  say: (account: Account, use: UseName, choice: Word | null) =>
    call<Account>("PUT", "/api/me/choices", { ...whose(account), use, choice }),
  receipts: (account: Account, before: number | null, signal?: AbortSignal) =>
    call<Receipts>(
      "GET",
      `/api/me/receipts?${new URLSearchParams({ ...whose(account), ...(before === null ? {} : { before: String(before) }) })}`,
      undefined,
      signal,
    ),
};
