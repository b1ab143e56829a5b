/** The JSON of the back end (docs/reference/routes). All text offsets count Unicode code points. */

export interface Author {
  handle: string;
  name: string;
  is_bot: boolean;
}

export interface Post {
  network: string;
  uri: string;
  author: Author;
  text: string;
  created_at: string;
  indexed_at: string;
  edited_at: string | null;
  lang: string | null;
  channel: string | null;
  reply_to: string | null;
  thread: string;
  likes: number;
  reposts: number;
  url: string | null;
  app_url: string;
  /** Set on replayed posts of a demo network: when the post was really written. */
  original_created_at?: string | null;
  /** In an answer: the author allows no quotation, so the text is empty. */
  withheld?: boolean;
}

/** What is left of a post in its thread once its author deleted it. */
export interface DeletedPost {
  network: string;
  uri: string;
  deleted: true;
}

export interface Source {
  number: number;
  /** null once the post was deleted. */
  post: Post | null;
  parent: Post | null;
  score?: number;
  /** Posts that were found and say the same, this one among them. */
  copies?: number;
}

/** What can be told of a post. */
export type Telling = "explain" | "thread" | "profile" | "check";

export type RemovedReason = "deleted" | "withdrawn" | "edited" | "expired" | "hidden";

export interface Span {
  kind: "citation" | "unsupported" | "removed";
  start: number;
  end: number;
  numbers: number[];
  /** Of what was removed with its posts: why. */
  reason?: RemovedReason | null;
}

export interface Notice {
  code: string;
  text: string;
}

export type MessageState = "running" | "done" | "stopped" | "failed" | "interrupted";
export type Outcome = "answered" | "declined" | "small_talk";

export interface Message {
  id: string;
  chat_id: string;
  parent_id: string | null;
  role: "user" | "assistant";
  state: MessageState;
  outcome: Outcome | null;
  text: string;
  spans: Span[];
  sources: Source[];
  notices: Notice[];
  /** Posts that were left out by their authors' wish. */
  left_out: number;
  usage: { prompt_tokens?: number; completion_tokens?: number } | null;
  error: { code: string; message: string } | null;
  model: string | null;
  prompt_version: string | null;
  /** Of the model behind it, whether its words are shown or not. */
  model_version: string | null;
  created_at: string;
  finished_at: string | null;
}

export interface ChatSummary {
  id: string;
  title: string;
  created_at: string;
  updated_at: string;
}

export interface Chat extends ChatSummary {
  messages: Message[];
}

export interface Network {
  name: string;
  title: string;
  attribution: string;
  license_url: string;
  home_url: string;
}

export interface Config {
  version: string;
  networks: Network[];
  model: { name: string; small: boolean; ready: boolean };
  suggestions: string[];
  posts: number;
  demo: boolean;
  /** Uses that are not made of posts where nobody says anything of them. */
  refused_by_default: UseName[];
}

export interface Status {
  posts: number;
  authors: number;
  index: {
    indexed_seq: number;
    last_seq: number;
    lag: number;
    vectors: number;
    coverage: number;
  };
}

export type SearchSort = "relevance" | "latest" | "oldest";

export interface SearchHit {
  post: Post;
  highlights: [number, number][];
  /** The piece of the post to show in a list; `start` is its place in the text. */
  snippet: { text: string; start: number; highlights: [number, number][] };
  score: number;
  /** Posts that were found and say the same, this one among them. */
  copies: number;
  /** The earliest of them, where there are several. */
  first: Post | null;
}

export interface SearchResult {
  query: string;
  notes: string[];
  total: number;
  /** false where there are more posts than were counted. */
  total_exact: boolean;
  /** How many of them are no copy of another; null where there are too many to count. */
  origins: number | null;
  /** Posts that match and were left out by their authors' wish. */
  left_out: number;
  took_ms: number;
  /** Stages that were late or broken. */
  degraded: string[];
  next_cursor: string | null;
  hits: SearchHit[];
}

export type Bucket = "minute" | "hour" | "day" | "week" | "month" | "year";

/** How many posts of a search were written when. */
export interface SearchCounts {
  bucket: Bucket;
  total: number;
  earlier: number;
  bars: { start: string; posts: number }[];
}

export interface PostView {
  post: Post;
  parent: Post | null;
  replies: Post[];
}

export interface Thread {
  root: string;
  posts: (Post | DeletedPost)[];
}

export type Stage = "searching" | "reading" | "writing";

/** One frame of GET /api/messages/{id}/events. */
export type StreamEvent =
  | { type: "status"; stage: Stage }
  | { type: "sources"; sources: Source[] }
  | { type: "left_out"; posts: number }
  | { type: "text"; delta: string }
  | { type: "citation"; start: number; end: number; numbers: number[] }
  | { type: "unsupported"; start: number; end: number }
  | { type: "notice"; code: string; text: string }
  | { type: "withdrawn"; numbers: number[] }
  | { type: "usage"; prompt_tokens: number; completion_tokens: number }
  | {
      type: "done";
      outcome: Outcome | null;
      model: string;
      prompt_version: string;
      model_version: string | null;
      state: "done" | "stopped";
    }
  | { type: "error"; code: string; message: string }
  | ({ type: "message" } & Message);

export type TrendWindow = "15m" | "1h" | "6h" | "24h";

/** A topic that more authors bring up than its own past lets expect. */
export interface Trend {
  name: string;
  kind: "word" | "tag" | "link";
  subjects: string[];
  score: number;
  /** Who spoke of it in their own words: no copies, no bots. */
  authors: number;
  expected: number;
  origins: number;
  posts: number;
  first_at: string;
  query: string;
  examples: Post[];
}

export interface TrendsResult {
  window: TrendWindow;
  network: string | null;
  since: string;
  at: string;
  posts: number;
  took_ms: number;
  trends: Trend[];
}

/** What can be done with somebody's posts. */
export type UseName = "retrieve" | "quote" | "generate" | "embed" | "train";
export type Word = "yes" | "no";

export interface UseRuling {
  use: UseName;
  allowed: boolean;
  /** Who said so. */
  by: "network" | "member" | "operator" | "default";
  /** The network's record, as "#nobot". */
  why: string;
  /** What the member said here. */
  choice: Word | null;
}

/** An account that is the viewer's. */
export interface Account {
  network: string;
  author: string;
  handle: string;
  name: string;
  proven_at: string;
  version: number;
  uses: UseRuling[];
  receipts: number;
}

export interface Me {
  accounts: Account[];
  waiting_until: string | null;
  networks: string[];
  /** Accounts of Myna's that take a code in a direct message. */
  messages: { network: string; handle: string }[];
  /** Networks with which one can sign in. */
  sign_in: string[];
}

export interface Claim {
  code: string;
  network: string;
  expires_at: string;
}

/** That an answer was given a post of the account's. */
export interface Receipt {
  id: number;
  answer: string;
  at: string;
  door: "app" | "api" | "bot";
  model: string | null;
  network: string;
  uri: string;
  url: string | null;
  spans: { start: number; end: number; words: string | null }[];
}

export interface Receipts {
  receipts: Receipt[];
  next_before: number | null;
}
