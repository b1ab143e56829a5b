/** What the pages ask for, cached. Keys are arrays that begin with the noun. */

import { QueryClient, keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ApiError, api } from "./client.ts";
import type { Account, SearchSort, TrendWindow } from "./types.ts";

const STATUS_EVERY_MS = 15_000;
const PROOF_EVERY_MS = 2_000;
const TRENDS_EVERY_MS = 60_000;
const LONGEST_WAIT_MS = 3_000;
const SUGGESTIONS = 3;

/** Whether an error may be over soon: no answer, or a server that says it is not ready. */
function isPassing(error: Error): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 502;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // The server is near: what it refuses it will refuse again, what breaks heals soon.
      retry: (count, error) => count < 4 && isPassing(error),
      retryDelay: (count) => Math.min(400 * 2 ** count, LONGEST_WAIT_MS),
    },
  },
});

export const keys = {
  config: ["config"] as const,
  status: ["status"] as const,
  chats: ["chats"] as const,
  chat: (id: string) => ["chat", id] as const,
  anyChat: ["chat"] as const,
  me: ["me"] as const,
};

export const useConfig = () =>
  useQuery({
    queryKey: keys.config,
    queryFn: ({ signal }) => api.config(signal),
    staleTime: 60_000,
    // The first page must come to life by itself, however long the start takes.
    retry: (_, error) => isPassing(error),
    refetchInterval: ({ state: { data } }) => {
      if (data?.model.ready === false) return 3_000;
      return data && data.suggestions.length < SUGGESTIONS ? 10_000 : false;
    },
  });

export const useStatus = () =>
  useQuery({
    queryKey: keys.status,
    queryFn: ({ signal }) => api.status(signal),
    refetchInterval: STATUS_EVERY_MS,
    retry: false,
  });

export const useChats = () =>
  useQuery({
    queryKey: keys.chats,
    queryFn: async ({ signal }) => (await api.chats(signal)).chats,
  });

export const useChat = (id: string | null) =>
  useQuery({
    queryKey: keys.chat(id ?? ""),
    queryFn: ({ signal }) => api.chat(id ?? "", signal),
    enabled: id !== null,
  });

/** Pages of posts; each goes on where the last one ended, whatever arrives meanwhile. */
export const useSearch = (query: string, sort: SearchSort) =>
  useInfiniteQuery({
    queryKey: ["search", query, sort],
    queryFn: ({ pageParam, signal }) => api.search(query, sort, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    enabled: query.trim() !== "",
    placeholderData: keepPreviousData,
  });

export const useCounts = (query: string) =>
  useQuery({
    queryKey: ["counts", query],
    queryFn: ({ signal }) => api.counts(query, signal),
    enabled: query.trim() !== "",
    retry: false,
  });

export const useTrends = (window: TrendWindow, limit: number) =>
  useQuery({
    queryKey: ["trends", window, limit],
    queryFn: ({ signal }) => api.trends(window, limit, signal),
    refetchInterval: TRENDS_EVERY_MS,
    placeholderData: keepPreviousData,
  });

/** The viewer's accounts; while a code is waited for, they are looked at again and again. */
export const useMe = () =>
  useQuery({
    queryKey: keys.me,
    queryFn: ({ signal }) => api.me(signal),
    refetchInterval: ({ state: { data } }) => (data?.waiting_until ? PROOF_EVERY_MS : false),
  });

export const useReceipts = (account: Account) =>
  useInfiniteQuery({
    queryKey: ["receipts", account.network, account.author],
    queryFn: ({ pageParam, signal }) => api.receipts(account, pageParam, signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
  });

/** A post and its whole thread; the thread's root is known only once the post is. */
export const usePostInThread = (network: string, uri: string) =>
  useQuery({
    queryKey: ["post", network, uri],
    queryFn: async ({ signal }) => {
      const view = await api.post(network, uri, signal);
      const thread = await api.thread(network, view.post.thread, signal);
      return { ...view, thread };
    },
  });
