import { expect, type Page, test } from '@playwright/test'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { disableServer, startToolServer } from './support/tool-server.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

const unique = Date.now().toString(36)
const key = `key-${unique}`

const tools = [
  { name: 'read_entry', description: 'Reads an entry.', annotations: { readOnlyHint: true } },
  { name: 'post_entry', description: 'Posts an entry.' },
]

/** A server on this machine, open without a guard, with one tool that says that it only reads and one that says nothing. */
async function serving<T>(work: (url: string) => Promise<T>, guard?: { header: string; value: string }): Promise<T> {
  const server = await startToolServer(() => tools, guard)
  try {
    return await work(server.url)
  } finally {
    await server.stop()
  }
}

/** Name, class and state of each tool, as the table on the server's page says them. */
async function toolsOf(page: Page, server: string): Promise<string[][]> {
  const rows = await page
    .getByRole('table', { name: `Tools of ${server}`, exact: true })
    .getByRole('row')
    .all()
  const read = rows.slice(1).map(async (row) => {
    const [name, ...cells] = await Promise.all([
      row.getByRole('link').first().innerText(),
      row.getByRole('cell').nth(1).innerText(),
      row.getByRole('cell').nth(2).innerText(),
    ])
    return [name, ...cells.map((text) => text.replaceAll(/\s+/g, ' ').trim())]
  })
  return await Promise.all(read)
}

const found = (page: Page) => page.getByRole('status').filter({ hasText: 'Protocol' })

async function probe(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Probe' }).click()
  await expect(found(page)).toBeVisible({ timeout: 60_000 })
}

async function disable(id: string): Promise<void> {
  const api = await adminApi()
  await disableServer(api, id)
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
    expect(await toolsOf(page, 'Ledger')).toEqual([
      ['post_entry', 'destructive', 'quarantined'],
      ['read_entry', 'read', 'quarantined'],
    ])
    await page.getByRole('button', { name: 'Approve new tools' }).click()
    const dialog = page.getByRole('dialog', { name: 'Approve new tools of Ledger' })
    await dialog.getByLabel('Class of read_entry, to approve').selectOption('write')
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Approve 2 of 2' }).click()
    await expect(dialog).toBeHidden()
    await expect
      .poll(() => toolsOf(page, 'Ledger'))
      .toEqual([
        ['post_entry', 'destructive', 'approved'],
        ['read_entry', 'write declared read, classed write by Sina Rahimi', 'approved'],
      ])
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

test('a server.json says what is not taken over and what cannot be taken, and its header is tried: a wrong value, then the right one', async ({
  page,
}) => {
  await serving(
    async (url) => {
      const headers = [
        { name: 'X-Region', value: 'eu' },
        { name: 'X-Api-Key', isSecret: true },
      ]
      const file = {
        name: `io.github.acme/guarded-${unique}`,
        title: 'Guarded ledger',
        description: 'Entries of the ledger.',
        version: '1.2.0',
        remotes: [
          { type: 'streamable-http', url, headers },
          { type: 'sse', url },
        ],
      }
      await signInAs(page, 'Security')
      await page.goto('/servers/new')
      await page.getByLabel('The file’s text').fill(JSON.stringify(file))
      const ways = page.getByRole('list', { name: /^Ways to reach/ }).getByRole('listitem')
      const [open, older] = [ways.filter({ hasText: 'streamable-http' }), ways.filter({ hasText: 'sse at' })]
      await expect(open).toContainText('Not taken over: X-Region: eu.')
      await expect(older.getByRole('button', { name: /^Fill the form with this/ })).toHaveAttribute(
        'aria-disabled',
        'true',
      )
      await expect(older.getByRole('button')).toHaveAccessibleName(/not possible: .*not the older SSE transport/)
      await open.getByRole('button', { name: 'Fill the form with this' }).click()
      await expect(page.getByLabel('Address (required)')).toHaveValue(url)
      await expect(page.getByLabel('Credential to try').locator('option:checked')).toHaveText('Header of its own')
      await expect(page.getByLabel('Name of the header (required)')).toHaveValue('X-Api-Key')
      await expectAccessible(page)

      await page.getByLabel('Value (required)').fill('another key')
      await probe(page)
      await expect(found(page)).toContainText('Credential refused')
      await expect(found(page)).toContainText('It does not take the credential that was tried.')
      await expect(page.getByRole('list', { name: 'Tools it offers' })).toHaveCount(0)
      await expectAccessible(page)
      await page.getByLabel('Value (required)').fill(key)
      await probe(page)
      await expect(found(page)).toContainText('Credential works', { timeout: 60_000 })
      await expect(found(page)).not.toContainText('Credential refused')
      await expect(page.getByRole('list', { name: 'Tools it offers' })).toContainText('post_entry')
      await expectAccessible(page)
    },
    { header: 'X-Api-Key', value: key },
  )
})
