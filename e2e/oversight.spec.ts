import { expect, type Page, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('security sees what a scope would newly reach, approves it for shorter, and the agent holds it at once', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/requests?state=pending&serverId=tickets')
  await expectAccessible(page)
  const row = page.getByRole('row').filter({ hasText: 'write' }).first()
  await row.getByRole('link').first().click()
  await expect(page.getByRole('heading', { name: 'What changes' })).toBeVisible()
  await expect(page.getByRole('main')).toContainText(/could newly call \d+ tools? on Tickets/)
  await expectAccessible(page)
  await page.getByLabel('For how many days').fill('3')
  await page.getByLabel('Note').fill('For the migration only.')
  await page.getByRole('button', { name: 'Approve' }).click()
  await expect(page.getByRole('heading', { name: 'Decision' })).toBeVisible()
  await expect(page.getByRole('main')).toContainText('Sina Rahimi')

  await page
    .getByText(/^Asked for/)
    .getByRole('link')
    .click()
  await page
    .getByRole('navigation', { name: /^Parts of/ })
    .getByRole('link', { name: /Scopes/ })
    .click()
  await expect(page.getByRole('row').filter({ hasText: 'tickets' }).filter({ hasText: 'write' }).first()).toBeVisible()
})

test('a rejection needs a reason, and whoever may not decide is told who can', async ({ page }) => {
  await signInAs(page, 'Security')
  await openFirstPending(page)
  await page.getByLabel('Note').fill('')
  await page.getByRole('button', { name: 'Reject' }).click()
  await expect(page.getByText('Say why: the requester reads it.')).toBeVisible()
  const address = page.url()

  await page.context().clearCookies()
  await signInAs(page, 'Builder')
  await page.goto(address)
  await expect(page.getByText('You cannot decide this one')).toBeVisible()
  await expect(page.getByRole('button', { name: /^Approve/ })).toHaveAttribute('aria-disabled', 'true')
})

test('finance retires an idle agent with the figures in front of it', async ({ page }) => {
  await signInAs(page, 'Finance')
  await page.goto('/fleet')
  await expectAccessible(page)
  const row = page
    .getByRole('row')
    .filter({ hasText: /Idle for \d+ days/ })
    .first()
  const name = (await row.getByRole('link').first().textContent())!.trim()
  await row.getByRole('button', { name: 'Retire' }).click()
  const dialog = page.getByRole('dialog', { name: `Retire ${name}` })
  await expectAccessible(page)
  await dialog.getByRole('button', { name: `Retire ${name}` }).click()
  await expect(dialog.getByText(/Say why/)).toBeVisible()
  await dialog.getByLabel(/Reason/).fill('Nobody has needed it for weeks.')
  await dialog.getByRole('button', { name: `Retire ${name}` }).click()
  await expect(dialog).toBeHidden()
  await expect(page.getByRole('row').filter({ hasText: name })).toHaveCount(0)
})

test('the audit log answers by agent and decision, older pages included, and is closed to builders', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/audit')
  await expectAccessible(page)
  await page.getByRole('textbox', { name: 'Event' }).fill('agent.imported')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page).toHaveURL(/event=agent\.imported/)
  const numbers = page.getByRole('row').getByRole('cell').first()
  const newest = await numbers.textContent()
  await page.getByRole('link', { name: 'Older' }).click()
  await expect(numbers).not.toHaveText(newest!)

  await page.context().clearCookies()
  await signInAs(page, 'Builder')
  await page.goto('/audit')
  await expect(page.getByText('Your roles do not include reading the audit log')).toBeVisible()
})

test('runs of the whole fleet are filtered by state, and each leads to its log', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto('/runs')
  await expectAccessible(page)
  await page.getByLabel('State').selectOption('failed')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page).toHaveURL(/state=failed/)
  await expect(page.getByRole('row').nth(1)).toContainText('failed')
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await expect(page.getByRole('heading', { level: 1, name: /^Run of/ })).toBeVisible()
  await expectAccessible(page)
})

async function openFirstPending(page: Page): Promise<void> {
  await page.goto('/requests?state=pending')
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await expect(page.getByRole('heading', { name: 'Decide' })).toBeVisible()
}

test('on-call breaks the glass, everybody sees it, and security reviews it', async ({ page }) => {
  await signInAs(page, 'On-call')
  await page.goto('/agents/ticket-triager-orders/scopes')
  await page.getByRole('button', { name: 'Break glass' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('MCP server').selectOption('tickets')
  await dialog.getByLabel('Class').selectOption('destructive')
  await dialog.getByLabel('Reason').fill('Thousands of duplicate tickets keep customers from being answered.')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Break glass now' }).click()
  await expect(page.getByRole('status').filter({ hasText: /Break-glass: .* may destructive on Tickets/ })).toBeVisible()
  await expect(page.getByRole('table', { name: /^Scopes of/ })).toContainText('break-glass')
  await signInAs(page, 'Security')
  await page.getByRole('link', { name: 'Revoke or review' }).click()
  const row = page.getByRole('row').filter({ hasText: 'duplicate tickets' })
  await expect(row).toContainText('in force')
  await expectAccessible(page)
  await row.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The duplicates are closed.')
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await expect(row).toContainText('ended')
  await row.getByRole('button', { name: 'Review' }).click()
  await page.getByRole('dialog').getByLabel('How you came to it').fill('The duplicates were real.')
  await page.getByRole('dialog').getByRole('button', { name: 'Justified', exact: true }).click()
  await page.getByRole('link', { name: 'With those reviewed' }).click()
  await expect(row).toContainText('The duplicates were real.')
})
