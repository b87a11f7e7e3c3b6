import { expect, type Page, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const title = 'Reading orders waits here'

async function addRule(page: Page): Promise<void> {
  await signInAs(page, 'Security')
  await page.goto('/approvals/rules')
  await page.getByRole('button', { name: 'New rule' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^Title/).fill(title)
  await dialog.getByLabel('MCP server').selectOption('invoices')
  await dialog.getByLabel('Only this tool').fill('list_invoices')
  await dialog.getByLabel('Class').selectOption('read')
  await expect(dialog.getByRole('status')).toContainText(/It would have held [\d,]+ of [\d,]+ calls since/)
  await expect(dialog.getByLabel('whoever started the run')).toBeChecked()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Hold such calls' }).click()
  await expect(ruleRow(page)).toContainText(/of [\d,]+ calls/)
}

const ruleRow = (page: Page) =>
  page.getByRole('table', { name: 'Rules that hold calls' }).getByRole('row', { name: new RegExp(title) })

test('a held call is looked at, edited and approved on a phone whose clock is wrong; then its rule is bypassed and ended', async ({
  page,
}) => {
  // Two hours fast: the countdown goes by the platform's clock.
  await page.addInitScript(() => {
    const now = Date.now.bind(Date)
    Date.now = () => now() + 7_200_000
  })
  await addRule(page)
  await signInAs(page, 'Team lead')
  await page.goto('/agents/invoice-reconciler-freight')
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Start run' }).click()
  await expect(page).toHaveURL(/\/runs\//)

  await page.setViewportSize({ width: 360, height: 740 })
  await signInAs(page, 'Security')
  await page.goto('/approvals')
  const waiting = page.getByRole('region', { name: 'Waiting' })
  await expect(waiting.getByText('invoices/list_invoices', { exact: true }).first()).toBeVisible({ timeout: 60_000 })
  await expect(waiting.getByText(/^1[0-4]:\d\d left$/).first()).toBeVisible()
  await expect(waiting.getByText('time is over')).toHaveCount(0)
  await expectAccessible(page)
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  expect(width).toBeLessThanOrEqual(360)
  await waiting.getByRole('button', { name: 'Edit and approve' }).first().click()
  await waiting.getByRole('textbox', { name: /^Arguments/ }).fill('{ "limit": 7 }')
  await expect(waiting.getByRole('region', { name: 'Changes to the arguments' })).toContainText('+   "limit": 7')
  await expectAccessible(page)
  const elsewhere = await page.context().newPage()
  await elsewhere.goto('/approvals')
  await expect(elsewhere.getByRole('button', { name: 'Edit and approve' }).first()).toBeVisible()
  await waiting.getByRole('button', { name: 'Approve as edited' }).click()
  const decided = page.getByRole('table', { name: 'Held calls that were decided' })
  const edited = decided.getByRole('row', { name: /^approved as edited/ }).filter({ hasText: 'invoices/list_invoices' })
  await expect(edited.first()).toBeVisible()
  // Whoever else looked at it is told, in its place.
  await expect(elsewhere.getByText(/list_invoices of .* does not wait any more/).first()).toBeVisible()
  await expectAccessible(elsewhere)
  await elsewhere.close()

  await page.setViewportSize({ width: 1280, height: 900 })
  await signInAs(page, 'On-call')
  await page.goto('/approvals/rules')
  await ruleRow(page).getByRole('button', { name: 'Bypass' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^Reason/).fill('Everybody who decides is at the data centre.')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Bypass the rule' }).click()
  const banner = page.getByRole('status').filter({ hasText: `Not held now: ${title}` })
  await expect(banner).toBeVisible()
  await page.goto('/agents')
  await expect(banner).toContainText('Everybody who decides is at the data centre.')
  await banner.getByRole('button', { name: 'End now' }).click()
  await expect(banner).toBeHidden()

  await signInAs(page, 'Security')
  await page.goto('/approvals/insight')
  await page.getByRole('link', { name: '7 days' }).click()
  await expect(page).toHaveURL(/days=7/)
  await expect(page.getByRole('table', { name: 'Held calls by rule' })).toContainText(title)
  await expect(page.getByRole('table', { name: 'Decisions by person' })).toContainText(
    /insufficient data|no|looks like it/,
  )
  await expectAccessible(page)

  await page.goto('/approvals/rules')
  await ruleRow(page).getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The journey is over.')
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(ruleRow(page)).toContainText('asked for its end')
  // Who asked may take it back, and confirms nothing.
  await expect(ruleRow(page).getByRole('button', { name: 'Take back' })).toBeVisible()
  await expect(ruleRow(page).getByRole('button', { name: 'Confirm removal' })).toHaveCount(0)
  await expectAccessible(page)
  await signInAs(page, 'Platform admin')
  await page.goto('/approvals/rules')
  await ruleRow(page).getByRole('button', { name: 'Confirm removal' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The journey is over.')
  await expectAccessible(page)
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm removal' }).click()
  await expect(ruleRow(page)).toBeHidden()
})

test('how people decide is shown to who may read the audit log', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/approvals/insight')
  await expect(page.getByText(/Team lead, Security/)).toBeVisible()
})
