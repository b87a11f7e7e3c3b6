import { readFile } from 'node:fs/promises'
import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test.beforeEach(({ page }) => signInAs(page, 'Security'))

test('security finds the agents that can write to production in seconds, and takes the list along', async ({
  page,
}) => {
  await page.goto('/agents')
  const search = page.getByRole('combobox', { name: 'Search agents' })
  // The keys answer once the page's scripts run.
  await expect(async () => {
    await page.keyboard.press('/')
    await expect(search).toBeFocused({ timeout: 500 })
  }).toPass()
  await search.fill('can:write env:production')
  await search.press('Enter')
  await expect(page.getByRole('list', { name: 'Filters in force' })).toContainText('env:production')
  const rows = page.getByRole('table', { name: 'Agents' }).getByRole('row')
  await expect(rows.filter({ hasText: 'write' }).first()).toBeVisible()
  const shown = await page.getByRole('navigation', { name: 'Pages' }).innerText()
  await expectAccessible(page)

  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: 'CSV table' }).click()
  const csv = await readFile(await (await download).path(), 'utf8')
  expect(csv.trim().split('\r\n')).toHaveLength(Number(/\d+/.exec(shown)?.[0]) + 1)
})

test('filters, order and page are in the address: back, reload and a sent link keep them', async ({ page }) => {
  await page.goto('/agents')
  await page.getByRole('columnheader', { name: 'Cost 30 d' }).getByRole('link').click()
  await expect(page).toHaveURL(/sort=cost/)
  await page.getByRole('columnheader', { name: 'Cost 30 d' }).getByRole('link').click()
  await expect(page).toHaveURL(/order=desc/)
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Next' }).click()
  await expect(page).toHaveURL(/cursor=/)
  const first = page.getByRole('table', { name: 'Agents' }).getByRole('row').nth(1).getByRole('link')
  const name = await first.innerText()
  await page.reload()
  await expect(first).toHaveText(name)
  await page.goBack()
  await expect(page).not.toHaveURL(/cursor=/)
})

test('a facet narrows the list, its chip widens it again', async ({ page }) => {
  await page.setViewportSize({ width: 1500, height: 900 })
  await page.goto('/agents')
  const filters = page.getByRole('complementary', { name: 'Filters' })
  await filters.getByRole('link', { name: /^suspended/ }).click()
  await expect(page).toHaveURL(/q=status%3Asuspended/)
  const table = page.getByRole('table', { name: 'Agents' })
  await expect(table.getByText('active', { exact: true })).toHaveCount(0)
  await page
    .getByRole('list', { name: 'Filters in force' })
    .getByRole('link', { name: /status/ })
    .click()
  await expect(page).toHaveURL(/\/agents$/)
})

test('a query that cannot be read is explained where it went wrong', async ({ page }) => {
  await page.goto('/agents?q=ownr:finance')
  await expect(page.getByRole('main')).toContainText('There is no qualifier "ownr:"')
  await expect(page.getByRole('main')).toContainText('Did you mean')
  await expectAccessible(page)
})

test('the command palette leads to an agent by a part of its name', async ({ page }) => {
  await page.goto('/agents')
  const palette = page.getByRole('dialog', { name: 'Search and commands' })
  await page.getByRole('button', { name: 'Search…' }).click()
  await expect(palette.getByRole('combobox')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(palette).toBeHidden()
  await expect(page.getByRole('button', { name: 'Search…' })).toBeFocused()
  await page.keyboard.press('Control+k')
  await palette.getByRole('combobox').fill('freight')
  await expectAccessible(page)
  await palette.getByRole('option', { name: /^Invoice reconciler: freight/ }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Invoice reconciler: freight' })).toBeVisible()
})

test('a view is saved with its order, changed, shown as changed and reverted', async ({ page }) => {
  await page.goto('/agents?q=can%3Awrite')
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Save as a new view…' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Writers')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Save view' }).click()
  await expect(page).toHaveURL(/view=/)
  await page.getByRole('columnheader', { name: 'Cost 30 d' }).getByRole('link').click()
  await expect(page.getByRole('img', { name: 'Changed and not saved' })).toBeVisible()
  await page.getByRole('link', { name: 'Revert' }).click()
  await expect(page.getByRole('img', { name: 'Changed and not saved' })).toBeHidden()
  await page.getByRole('button', { name: 'Writers' }).click()
  await page.getByRole('menuitem', { name: 'Delete “Writers”…' }).click()
  const asking = page.getByRole('dialog', { name: 'Delete “Writers”' })
  await expectAccessible(page)
  await asking.getByRole('button', { name: 'Cancel' }).click()
  await expect(asking).toBeHidden()
  await page.getByRole('button', { name: 'Writers' }).click()
  await page.getByRole('menuitem', { name: 'Delete “Writers”…' }).click()
  await asking.getByRole('button', { name: 'Delete view' }).click()
  await expect(page.getByRole('button', { name: 'Views' })).toBeVisible()
})

test('what can be done with the selected agents is counted before it is done', async ({ page }) => {
  await page.goto('/agents')
  const bar = page.getByRole('region', { name: 'Selected agents' })
  await expect(async () => {
    await page.getByRole('checkbox', { name: 'Select all on this page' }).setChecked(true)
    await expect(bar).toBeVisible({ timeout: 500 })
  }).toPass()
  await bar.getByRole('button', { name: 'Resume' }).click()
  await expect(page.getByRole('dialog')).toContainText(/\d+ of 50 eligible/)
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await expect(bar.getByRole('button', { name: 'Resume' })).toBeFocused()
})

test('a menu is worked by keyboard from the first time on, and gives the focus back', async ({ page }) => {
  await page.goto('/agents')
  const theme = page.getByRole('button', { name: 'Color theme' })
  await theme.focus()
  await expect(async () => {
    await theme.press('Enter')
    await expect(page.getByRole('menu')).toBeVisible({ timeout: 500 })
  }).toPass()
  await page.keyboard.press('Home')
  await expect(page.getByRole('menuitemradio').first()).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('menu')).toBeHidden()
  await expect(theme).toBeFocused()
})
