import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { apiPolicy, pagePolicy, toastStyle } from './csp.ts'

const production = { nonce: 'abc', development: false, secure: true }

test('scripts need the nonce of this request, whatever else a page contains', () => {
  const scripts = pagePolicy(production)
    .split('; ')
    .find((directive) => directive.startsWith('script-src '))
  expect(scripts).toBe("script-src 'self' 'nonce-abc' 'strict-dynamic'")
})

test('nothing may be framed, based elsewhere, embedded or sent to another site', () => {
  const policy = pagePolicy(production)
  for (const directive of [
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
    "form-action 'self'",
    "default-src 'none'",
  ]) {
    expect(policy).toContain(directive)
  }
  expect(policy).not.toContain('unsafe-eval')
  expect(policy).toContain('upgrade-insecure-requests')
  expect(pagePolicy({ ...production, secure: false })).not.toContain('upgrade-insecure-requests')
})

test('an answer of the API may do nothing when a browser shows it', () => {
  expect(apiPolicy).toContain("default-src 'none'")
  expect(apiPolicy).toContain('sandbox')
})

test('the style sheet of the installed toast library is the one that is allowed', () => {
  const source = readFileSync(
    createRequire(import.meta.url)
      .resolve('sonner')
      .replace(/index\.js$/, 'index.mjs'),
    'utf8',
  )
  const literal = /__insertCSS\((".*")\);/.exec(source)?.[1]
  const css = JSON.parse(literal!.replaceAll(String.raw`\'`, "'")) as string
  expect(toastStyle).toBe(`'sha256-${createHash('sha256').update(css).digest('base64')}'`)
})
