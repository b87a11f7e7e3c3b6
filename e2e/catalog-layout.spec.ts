import { expect, type Page, test } from '@playwright/test'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const table = (page: Page) => page.getByRole('table', { name: 'Agents' })
const head = (page: Page, name: string | RegExp) => table(page).getByRole('columnheader', { name })

test('columns and their widths stay as somebody has arranged them', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.setViewportSize({ width: 1500, height: 900 })
  await page.goto('/agents?q=')
  const dialog = page.getByRole('dialog', { name: 'Columns' })
  await expect(async () => {
    await page.getByRole('button', { name: 'Columns' }).click()
    await expect(dialog).toBeVisible({ timeout: 1000 })
  }).toPass()
  await dialog.getByRole('checkbox', { name: 'Model' }).check()
  await dialog.getByRole('checkbox', { name: 'Scopes' }).uncheck()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Show these' }).click()
  await expect(head(page, /^Model/)).toBeVisible()
  await expect(head(page, /^Scopes/)).toHaveCount(0)

  const edge = page.getByRole('button', { name: /^Width of Owner/ })
  const widthOf = async () => Math.round((await head(page, /^Owner/).boundingBox())!.width)
  const before = await widthOf()
  for (let times = 0; times < 5; times += 1) await edge.press('ArrowRight')
  await expect.poll(widthOf).toBeGreaterThan(before + 60)
  const widened = await widthOf()

  // Nothing of it is in this address: it is remembered in the browser.
  await page.goto('/agents?q=')
  await expect(head(page, /^Model/)).toBeVisible()
  await expect(head(page, /^Scopes/)).toHaveCount(0)
  expect(Math.abs((await widthOf()) - widened)).toBeLessThanOrEqual(1)
})

test('people of a role begin with the view that is set for it', async ({ page }) => {
  const name = 'What costs money'
  try {
    await signInAs(page, 'Platform admin')
    await page.goto('/agents?q=tier%3Ahigh&sort=cost&order=desc&columns=agent,cost,model')
    await choose(page, 'Views', 'Save as a new view…')
    await page.getByRole('textbox', { name: 'Name' }).fill(name)
    await page.getByRole('checkbox', { name: 'Share it with everybody' }).check()
    await page.getByRole('button', { name: 'Save view' }).click()
    await expect(page).toHaveURL(/view=/)
    await choose(page, name, 'On-call')
    await expect(page.getByText('What people begin with is changed.')).toBeVisible()

    await signInAs(page, 'On-call')
    await page.goto('/agents')
    await expect(page.getByRole('button', { name })).toBeVisible()
    await expect(page.getByRole('list', { name: 'Filters in force' })).toContainText('tier:high')
    await expect(head(page, /^Model/)).toBeVisible()
    await expect(head(page, /^Status/)).toHaveCount(0)
    await page.goto('/agents?q=')
    await expect(page.getByRole('list', { name: 'Filters in force' })).toHaveCount(0)

    await signInAs(page, 'Platform admin')
    await page.goto('/agents')
    await expect(page.getByRole('list', { name: 'Filters in force' })).toHaveCount(0)
    await choose(page, 'Views', new RegExp(`^${name}`))
    await expect(page).toHaveURL(/view=/)
    await choose(page, name, `Delete “${name}”…`)
    await page.getByRole('button', { name: 'Delete view' }).click()
    await expect(page.getByRole('button', { name: 'Views' })).toBeVisible()
  } finally {
    // Whatever failed, on-call begins with all agents again.
    await deleteSharedViews(name)
  }
})

test('a search that cannot be read shows no agent, and stays in the past while it is corrected', async ({ page }) => {
  await signInAs(page, 'Security')
  const problem = page.getByText('The search could not be read')
  await page.goto(`/agents?q=${'x'.repeat(1001)}`)
  await expect(problem).toBeVisible()
  await expect(page.getByRole('main')).toContainText('Write at most 1,000 characters')
  await expect(table(page)).toHaveCount(0)

  await page.goto('/agents')
  const moment = new Date().toISOString()
  await page.goto(`/agents?asOf=${moment}&q=ownr:x&sort=name&order=desc&columns=agent,cost`)
  await expect(problem).toBeVisible()
  await expect(page.getByText(/^As it was at /)).toBeVisible()
  await expectAccessible(page)
  const search = page.getByRole('combobox', { name: 'Search agents' })
  await search.fill('status:active')
  await search.press('Enter')
  await expect(table(page)).toBeVisible()
  await expect(page.getByText(/^As it was at /)).toBeVisible()
  await expect(page).toHaveURL(/asOf=/)
  await expect(page).toHaveURL(/sort=name/)
  await expect(head(page, /^Status/)).toHaveCount(0)
})

async function choose(page: Page, menu: string, item: string | RegExp): Promise<void> {
  const chosen = page.getByRole('menuitem', { name: item })
  await expect(async () => {
    await page.getByRole('button', { name: menu }).click()
    await expect(chosen).toBeVisible({ timeout: 1000 })
  }).toPass()
  await chosen.click()
}

/** Roles that began with such a view begin with all agents then. */
async function deleteSharedViews(name: string): Promise<void> {
  const api = await adminApi()
  const { items } = (await (await api.get('/api/v1/agents/views')).json()) as { items: { id: string; name: string }[] }
  for (const { id } of items.filter((view) => view.name === name)) {
    expect((await api.delete(`/api/v1/agents/views/${id}`)).status()).toBe(204)
  }
}
