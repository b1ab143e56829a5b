/** What the pages ask for, cached. Keys are arrays that begin with the noun. */

import { QueryClient, keepPreviousData, useQuery } from "@tanstack/react-query";
import { ApiError, api } from "./client.ts";
import type { SearchSort } from "./types.ts";

const STATUS_EVERY_MS = 15_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // The server is near: what it refuses it will refuse again, what breaks heals soon.
      retry: (count, error) => count < 3 && !(error instanceof ApiError && error.status >= 400),
      retryDelay: (count) => 400 * 2 ** count,
    },
  },
});

export const keys = {
  config: ["config"] as const,
  status: ["status"] as const,
  chats: ["chats"] as const,
  chat: (id: string) => ["chat", id] as const,
};

export const useConfig = () =>
  useQuery({
    queryKey: keys.config,
    queryFn: ({ signal }) => api.config(signal),
    staleTime: 60_000,
    // Until the model is ready the page says so; look again until it is.
    refetchInterval: (query) => (query.state.data?.model.ready === false ? 3_000 : false),
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

export const useSearch = (query: string, sort: SearchSort, limit: number) =>
  useQuery({
    queryKey: ["search", query, sort, limit],
    queryFn: ({ signal }) => api.search(query, sort, limit, signal),
    enabled: query.trim() !== "",
    placeholderData: keepPreviousData,
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
