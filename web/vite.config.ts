import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Where `npm run dev` finds the back end: `myna up`, or `npm run fake` with its port. */
const backend = process.env["MYNA_DEV_API"] ?? "http://127.0.0.1:8080";

/** The fonts come through the style sheet, where Vite's list of licences does not look. */
function fontLicenses(...fonts: string[]): Plugin {
  return {
    name: "font-licenses",
    generateBundle() {
      const texts = fonts.map((font) =>
        readFileSync(new URL(`node_modules/${font}/LICENSE`, import.meta.url), "utf8"),
      );
      this.emitFile({ type: "asset", fileName: "licenses_fonts.txt", source: texts.join("\n\n") });
    },
  };
}

export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    fontLicenses(
      "@fontsource-variable/atkinson-hyperlegible-next",
      "@fontsource-variable/bricolage-grotesque",
    ),
  ],
  build: {
    outDir: process.env["MYNA_STATIC"] ?? "../src/myna/web/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 700, // kB before gzip; 190 kB after it
    // The oldest browsers with what the style sheet needs: light-dark() and oklch().
    target: ["chrome123", "firefox120", "safari17.5"],
    // The licences of everything that is bundled; the about page links to it.
    license: { fileName: "licenses.txt" },
    // A font as a data: address would break `font-src 'self'`.
    assetsInlineLimit: 0,
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: { "/api": backend, "/healthz": backend, "/openapi.json": backend },
  },
});
