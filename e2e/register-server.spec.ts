import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect, type Page, test } from '@playwright/test'
import { z } from 'zod'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

const unique = Date.now().toString(36)

/** An open server on this machine with one tool that says that it only reads and one that says nothing. */
async function serving<T>(work: (url: string) => Promise<T>): Promise<T> {
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'ledger', version: '1' })
      const about = { description: 'Reads an entry.', inputSchema: z.object({}), annotations: { readOnlyHint: true } }
      server.registerTool('read_entry', about, () => ({ content: [] }))
      server.registerTool('post_entry', { description: 'Posts an entry.', inputSchema: z.object({}) }, () => ({
        content: [],
      }))
      return server
    }),
  )
  const http = createServer((request, response) => void handle(request, response))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  try {
    return await work(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`)
  } finally {
    const closed = once(http, 'close')
    http.close()
    http.closeAllConnections()
    await closed
  }
}

const found = (page: Page) => page.getByRole('status').filter({ hasText: 'Protocol' })

async function probe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Probe' }).click()
  await expect(found(page)).toBeVisible({ timeout: 60_000 })
}

async function disable(id: string): Promise<void> {
  const api = await adminApi()
  await api.patch(`/api/v1/servers/${id}`, { data: { status: 'disabled' } })
  await api.dispose()
}

test('a server.json is imported, probed, accepted by name and registered, and its tools stand there', async ({
  page,
}) => {
  await serving(async (url) => {
    const id = `ledger-${unique}`
    const file = {
      name: `io.github.acme/${id}`,
      title: 'Ledger',
      description: 'Entries of the ledger.',
      version: '1.2.0',
      remotes: [{ type: 'streamable-http', url }],
    }
    await signInAs(page, 'Security')
    await page.goto('/servers/new')
    await page.getByLabel('The file’s text').fill(JSON.stringify(file))
    await page.getByRole('button', { name: 'Fill the form with this' }).click()
    await expect(page.getByLabel('Address (required)')).toHaveValue(url)
    await expectAccessible(page)
    await probe(page)
    await expect(page.getByRole('list', { name: 'Tools it offers' })).toContainText('read_entry')
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Register' }).click()
    await expect(page.getByText(/^Accept by name what guards this server less/)).toBeVisible()
    for (const finding of ['Plain HTTP', 'Loopback address', 'No authentication'])
      await page.getByRole('checkbox', { name: finding }).check()
    await page.getByRole('button', { name: 'Register' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Ledger' })).toBeVisible()
    await expect(page.getByText('No authentication')).toBeVisible()
    await expect(async () => {
      await page.reload()
      await expect(page.getByRole('link', { name: 'post_entry', exact: true })).toBeVisible({ timeout: 2000 })
    }).toPass({ timeout: 60_000 })
    await expectAccessible(page)
    await disable(id)
  })
})

test('a program that fetches its package says so, before and after it was tried, and is registered by name', async ({
  page,
}) => {
  const id = `fetching-${unique}`
  await signInAs(page, 'Security')
  await page.goto('/servers/new')
  await page.getByLabel('Name (required)').fill('Fetching files')
  await page.getByLabel('Id (required)').fill(id)
  await page.getByLabel('Reached').selectOption('as a program in the sandbox (stdio)')
  await page.getByLabel('Program (required)').fill('npx')
  await page.getByLabel('Arguments').fill('-y\n@acme/files@1.2.0')
  await expect(page.getByRole('checkbox', { name: 'Fetches its package' })).toBeVisible()
  await expect(page.getByRole('checkbox', { name: 'Not probed' })).toBeVisible()
  await probe(page)
  await expect(found(page)).toContainText('Does not start')
  await expect(page.getByRole('checkbox', { name: 'Not probed' })).toHaveCount(0)
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, '/servers/new')
  for (const finding of ['Fetches its package', 'Does not start'])
    await page.getByRole('checkbox', { name: finding }).check()
  await page.getByRole('button', { name: 'Register' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Fetching files' })).toBeVisible()
  await expect(page.getByText('Fetches its package')).toBeVisible()
  await disable(id)
})
