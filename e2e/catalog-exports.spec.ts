import { readFile } from 'node:fs/promises'
import { expect, type Locator, type Page, test } from '@playwright/test'
import { signInAs } from './support/sign-in.ts'

test.beforeEach(({ page }) => signInAs(page, 'Security'))

test('an export is what the screen shows, in its order: by cost, dearest first', async ({ page }) => {
  // Runs that end meanwhile cost something: then screen and files are taken anew.
  await expect(async () => {
    await page.goto('/agents?sort=cost&order=desc')
    const shown = await shownIds(page)
    expect(shown.length).toBeGreaterThan(10)
    const table = idsOfCsv(await exported(page, 'CSV table'))
    expect(table.slice(0, shown.length)).toEqual(shown)
    const entries = await exported(page, 'YAML registry entries')
    expect([...entries.matchAll(/^id: (.+)$/gm)].map(([, id]) => id)).toEqual(table)
  }).toPass()
  await (await exportItem(page, 'As CLI or API')).click()
  const dialog = page.getByRole('dialog', { name: 'As CLI or API' })
  await expect(dialog).toContainText('wheelhouse agents list --sort cost --desc')
  await expect(dialog).toContainText('/api/v1/agents?sort=cost&order=desc')
})

test('selected agents are exported in the order of the list', async ({ page }) => {
  await page.goto('/agents?sort=name&order=desc')
  const shown = await shownIds(page)
  const bar = page.getByRole('region', { name: 'Selected agents' })
  await expect(async () => {
    await page.getByRole('checkbox', { name: 'Select all on this page' }).setChecked(true)
    await expect(bar).toBeVisible({ timeout: 500 })
  }).toPass()
  const download = page.waitForEvent('download')
  await bar.getByRole('link', { name: 'Export CSV' }).click()
  expect(idsOfCsv(await readFile(await (await download).path(), 'utf8'))).toEqual(shown)
})

async function shownIds(page: Page): Promise<string[]> {
  const rows = page.getByRole('table', { name: 'Agents' }).getByRole('row')
  await expect(rows.nth(1)).toBeVisible()
  const ids: string[] = []
  for (const row of (await rows.all()).slice(1)) {
    const href = await row.getByRole('cell').nth(1).getByRole('link').getAttribute('href')
    ids.push(href!.replace('/agents/', ''))
  }
  return ids
}

/** An entry of the menu of exports, which is open then. */
async function exportItem(page: Page, what: string): Promise<Locator> {
  const item = page.getByRole('menuitem', { name: what })
  // A click before the page lives opens nothing.
  await expect(async () => {
    if (!(await item.isVisible()))
      await page.getByRole('button', { name: 'Export', exact: true }).click({ timeout: 5000 })
    await expect(item).toBeVisible({ timeout: 1000 })
  }).toPass()
  return item
}

async function exported(page: Page, what: string): Promise<string> {
  const item = await exportItem(page, what)
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 15_000 }),
    item.click({ timeout: 5000 }),
  ])
  await expect(item).toBeHidden()
  return await readFile(await download.path(), 'utf8')
}

function idsOfCsv(text: string): string[] {
  const [head, ...rows] = text.trim().split('\r\n')
  expect(head).toMatch(/^id,/)
  return rows.map((row) => row.split(',')[0]!)
}
