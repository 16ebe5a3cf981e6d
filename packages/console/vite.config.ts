import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defaultClientConditions, defineConfig } from 'vite'

/** Builds to `dist/`, which the server serves; in development the API is the one that runs on the default port. */
export default defineConfig({
  plugins: [react(), tailwindcss()],
  // The workspace's own packages are read from source, so that a build needs no other build before it.
  resolve: { conditions: ['signalbox-source', ...defaultClientConditions] },
  build: { target: 'es2023', sourcemap: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': process.env.SIGNALBOX_URL ?? 'http://127.0.0.1:4750' },
  },
})
