import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, type Page, test } from '@playwright/test'
import { AppClient } from '#lib/dev/test/app-client.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const registry = `http://localhost:${process.env['WHEELHOUSE_BROKER_PORT'] ?? '7400'}/mcp/registry`

/** An app on this machine that waits for the person to come back. */
async function startApp() {
  let arrived: (answer: URLSearchParams) => void
  const answer = new Promise<URLSearchParams>((resolve) => (arrived = resolve))
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Done</title><h1>Back at the app</h1>')
    if (url.pathname === '/callback') arrived(url.searchParams)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const app = new AppClient({ redirectUrl: `http://127.0.0.1:${port}/callback` })
  return {
    app,
    answer,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function goTo(page: Page, url: URL | null): Promise<void> {
  await page.goto(String(url))
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
}

test('Claude is allowed on a page that says who asks and what for, asks as that person, and is disconnected', async ({
  page,
}) => {
  const { app, answer, stop } = await startApp()
  try {
    const transport = await app.begin(registry)
    await signInAs(page, 'Builder')
    await goTo(page, app.sentTo)
    await expect(page.getByRole('heading', { name: 'Let Test Claude read the registry?' })).toBeVisible()
    await expect(page.getByText('Nobody vouches for this name')).toBeVisible()
    await expect(page.getByRole('listitem').filter({ hasText: 'agents:read' })).toBeVisible()
    await expect(page.getByText('The answer goes to a program on your own machine.')).toBeVisible()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Allow Test Claude' }).click()
    await expect(page.getByRole('heading', { name: 'Back at the app' })).toBeVisible()
    await transport.finishAuth(await answer)

    const client = await app.connect(registry)
    const found = await client.callTool({
      name: 'search_agents',
      arguments: { query: 'can:write env:production status:active' },
    })
    expect(found.isError ?? false).toBe(false)
    const { total } = found.structuredContent as { total: number }
    await page.goto('/agents?q=can%3Awrite+env%3Aproduction+status%3Aactive')
    await expect(page.getByText(new RegExp(`^${total} agents?`)).first()).toBeVisible()
    await client.close()

    await page.goto('/settings/apps')
    await expect(page.getByText('claude mcp add --transport http wheelhouse')).toBeVisible()
    await expectAccessible(page)
    await expect(page.getByRole('row', { name: /Test Claude/ }).first()).toContainText('active')
    await page.getByRole('button', { name: 'Disconnect Test Claude' }).first().click()
    await expectAccessible(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect app' }).click()
    await expect(page.getByRole('row', { name: /Test Claude/ }).first()).toContainText('ended')
    const { access_token: token } = app.stored!
    const requestInit = { headers: { authorization: `Bearer ${token}` } }
    const after = new Client({ name: 'after', version: '1' })
    await expect(after.connect(new StreamableHTTPClientTransport(new URL(registry), { requestInit }))).rejects.toThrow()
  } finally {
    stop()
  }
})

test('somebody who is not signed in signs in first; no is an answer, and a wrong request leads nowhere', async ({
  page,
}) => {
  const { app, answer, stop } = await startApp()
  try {
    await app.begin(registry)
    await page.goto(String(app.sentTo))
    await page.getByRole('button', { name: /Sign in as Security/ }).click()
    await expect(page.getByRole('heading', { name: 'Let Test Claude read the registry?' })).toBeVisible()

    const foreign = new URL(app.sentTo!)
    foreign.searchParams.set('redirect_uri', 'https://evil.test/callback')
    await page.goto(foreign.href)
    await expect(page.getByRole('heading', { name: 'This app cannot be connected' })).toBeVisible()
    await expect(page.getByRole('link', { name: 'Go back to the app' })).toHaveCount(0)
    await expectAccessible(page)

    const unsafe = new URL(app.sentTo!)
    unsafe.searchParams.set('code_challenge_method', 'plain')
    await page.goto(unsafe.href)
    await expect(page.getByRole('link', { name: 'Go back to the app' })).toBeVisible()

    await page.goto(String(app.sentTo))
    await page.getByRole('button', { name: 'Do not allow' }).click()
    await expect(page.getByRole('heading', { name: 'Back at the app' })).toBeVisible()
    expect((await answer).get('error')).toBe('access_denied')
  } finally {
    stop()
  }
})
