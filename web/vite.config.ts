import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `npm run dev` finds the back end: `myna up`, or `npm run fake` with its port. */
const backend = process.env["MYNA_DEV_API"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    outDir: process.env["MYNA_STATIC"] ?? "../src/myna/web/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 700, // kB before gzip; 190 kB after it
    // The oldest browsers with what the style sheet needs: light-dark() and oklch().
    target: ["chrome123", "firefox120", "safari17.5"],
    // The licences of everything that is bundled; the about page links to it.
    license: { fileName: "licenses.md" },
    // A font as a data: address would break `font-src 'self'`.
    assetsInlineLimit: 0,
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: { "/api": backend, "/healthz": backend, "/openapi.json": backend },
  },
});
