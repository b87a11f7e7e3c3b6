import type { NextConfig } from 'next'

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // Types are checked by `npm run check`; a production build on a small machine need not do it again.
  typescript: { ignoreBuildErrors: true },
  // Loaded from node_modules as they are: native parts, WebAssembly, or code that reads its own files.
  serverExternalPackages: [
    '@cedar-policy/cedar-wasm',
    '@prisma/client',
    '@prisma/adapter-pg',
    'graphile-worker',
    'pg',
    'pino',
  ],
}

export default config
