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

test('the approval policy asks two people; one sends a request back, its requester changes it', async ({ page }) => {
  await signInAs(page, 'Platform admin')
  await page.goto('/requests/policy')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Add a rule' }).click()
  const rule = page.getByRole('dialog')
  await rule.getByLabel('Title').fill('Writing on the deploys')
  await rule.getByRole('group', { name: 'Classes' }).getByLabel('write').check()
  await rule.getByRole('group', { name: 'And a second person with one of these' }).getByLabel('Finance').check()
  await expectAccessible(page)
  await rule.getByRole('button', { name: 'Add the rule' }).click()
  await expect(page.getByRole('table', { name: 'Rules of the approval policy' })).toContainText(
    'Security, then Finance',
  )

  await signInAs(page, 'Team lead')
  await page.goto('/agents/release-notes-ledger/scopes')
  await page.getByRole('button', { name: 'Request a scope' }).click()
  const wish = page.getByRole('dialog')
  await wish.getByLabel('MCP server').selectOption('deploys')
  await wish.getByLabel('Class').selectOption('write')
  await wish.getByLabel('Reason').fill('It records what it has described.')
  await wish.getByRole('button', { name: 'Send request' }).click()
  await page.getByRole('link', { name: /^asked by/ }).click()
  await expect(page.getByText('Writing on the deploys')).toBeVisible()
  const request = page.url()

  await signInAs(page, 'Security')
  await page.goto(request)
  await page.getByRole('button', { name: 'Approve' }).click()
  await expect(page.getByRole('main')).toContainText('is asked now')
  await signInAs(page, 'Finance')
  await page.goto(request)
  await page.getByLabel('Note').fill('For a week is enough.')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Request changes' }).click()
  await expect(page.getByRole('main')).toContainText('Changes are asked for')

  await signInAs(page, 'Team lead')
  await page.goto(request)
  await page.getByRole('button', { name: 'Change', exact: true }).click()
  const change = page.getByRole('dialog')
  await change.getByLabel('Days').fill('7')
  await expectAccessible(page)
  await change.getByRole('button', { name: 'Change the request' }).click()
  for (const role of ['Security', 'Finance'] as const) {
    await signInAs(page, role)
    await page.goto(request)
    await page.getByRole('button', { name: 'Approve' }).click()
    await expect(page.getByRole('main')).toContainText(role === 'Security' ? 'is asked now' : 'approved')
  }
  await signInAs(page, 'Platform admin')
  await page.goto('/requests/policy')
  await page
    .getByRole('row')
    .filter({ hasText: 'Writing on the deploys' })
    .getByRole('button', { name: 'Remove' })
    .click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The test is over.')
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByRole('table', { name: 'Rules of the approval policy' })).not.toContainText('deploys')
})

test('a scope that is wider than its calls needed is narrowed in two steps; unused ones are listed', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/requests/unused')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Grants that are not used')
  await expectAccessible(page)
  await page.goto('/agents/invoice-reconciler-hardware/scopes')
  await page
    .getByRole('button', { name: /^Narrow to/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('It called nothing else.')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Narrow', exact: true }).click()
  await expect(page.getByRole('table', { name: /^Scopes of/ })).toContainText('narrowed')
})
