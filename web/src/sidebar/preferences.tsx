/** The menu for language and theme. */

import * as Menu from "@radix-ui/react-dropdown-menu";
import { dictionaries, useSpeech, type Language } from "../i18n/language.tsx";
import { IconButton } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { MENU, MENU_ITEM } from "../ui/menu.ts";
import { THEMES, setTheme, useTheme, type Theme } from "../ui/theme.ts";

const LABEL = "px-2.5 pt-2 pb-1 text-xs font-semibold text-muted";

export function Preferences() {
  const { t, language, setLanguage } = useSpeech();
  const theme = useTheme();
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger asChild>
        <IconButton icon="sliders" label={t.nav.menu} />
      </Menu.Trigger>
      <Menu.Portal container={document.querySelector<HTMLElement>("dialog[open]") ?? undefined}>
        <Menu.Content align="end" side="top" sideOffset={6} className={MENU}>
          <Menu.RadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
            <Menu.Label className={LABEL}>{t.nav.theme}</Menu.Label>
            {THEMES.map((value) => (
              <Option key={value} value={value} text={t.nav.themes[value]} />
            ))}
          </Menu.RadioGroup>
          <Menu.Separator className="my-1 h-px bg-line" />
          <Menu.RadioGroup
            value={language}
            onValueChange={(value) => setLanguage(value as Language)}
          >
            <Menu.Label className={LABEL}>{t.nav.language}</Menu.Label>
            {Object.entries(dictionaries).map(([value, { name }]) => (
              <Option key={value} value={value} text={name} />
            ))}
          </Menu.RadioGroup>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}

function Option({ value, text }: { value: string; text: string }) {
  return (
    <Menu.RadioItem
      value={value}
      className={MENU_ITEM}
      // Stay open: one sees what a theme does before leaving.
      onSelect={(event) => event.preventDefault()}
    >
      <span className="grow">{text}</span>
      <Menu.ItemIndicator>
        <Icon name="check" className="size-4 text-link" />
      </Menu.ItemIndicator>
    </Menu.RadioItem>
  );
}
