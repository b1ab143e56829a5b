/** Which language the app speaks: the browser's at first, then what the reader chose. */

import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { en, type Dictionary } from "./en.ts";
import { fr } from "./fr.ts";

export const dictionaries = { en, fr } satisfies Record<string, Dictionary>;
export type Language = keyof typeof dictionaries;

const STORAGE_KEY = "myna.language";

interface Speech {
  language: Language;
  t: Dictionary;
  setLanguage: (language: Language) => void;
}

const SpeechContext = createContext<Speech>({ language: "en", t: en, setLanguage: () => {} });

/** The first of the wanted languages (BCP 47 tags) that the app speaks, else English. */
export function pickLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0] ?? "";
    if (primary in dictionaries) return primary as Language;
  }
  return "en";
}

function initialLanguage(): Language {
  const stored = localStorage.getItem(STORAGE_KEY);
  return pickLanguage(stored ? [stored] : navigator.languages);
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(initialLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const speech = useMemo<Speech>(
    () => ({
      language,
      t: dictionaries[language],
      setLanguage: (chosen) => {
        localStorage.setItem(STORAGE_KEY, chosen);
        setLanguage(chosen);
      },
    }),
    [language],
  );
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}

export const useSpeech = (): Speech => useContext(SpeechContext);
export const useText = (): Dictionary => useContext(SpeechContext).t;
