import type { NextConfig } from 'next'

// Headers that are the same for every answer; those that differ by request (the content policy and its nonce) are set in proxy.ts.
const headers = [
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'X-Frame-Options', value: 'DENY' },
  { key: 'Referrer-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Resource-Policy', value: 'same-origin' },
  { key: 'Permissions-Policy', value: 'camera=(), geolocation=(), microphone=(), payment=(), usb=()' },
]

// The start program gives each production build a folder of its own (lib/dev/start/build.ts).
const build = process.env['WHEELHOUSE_BUILD']

const config: NextConfig = {
  ...(build && { distDir: build }),
  poweredByHeader: false,
  reactStrictMode: true,
  // Types are checked by `npm run check`; a production build on a small machine need not do it again.
  typescript: { ignoreBuildErrors: true, ...(build && { tsconfigPath: `${build}.tsconfig.json` }) },
  // Loaded from node_modules as they are: native parts, WebAssembly, or code that reads its own files.
  serverExternalPackages: [
    '@cedar-policy/cedar-wasm',
    '@prisma/client',
    '@prisma/adapter-pg',
    'graphile-worker',
    'pg',
    'pino',
  ],
  experimental: { serverActions: { bodySizeLimit: '256kb' } },
  headers: async () => [{ source: '/:path*', headers }],
}

export default config
