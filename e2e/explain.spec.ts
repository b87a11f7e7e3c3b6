import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

/** Whoever may ask for scopes of every team's agents. */
const requester = 'Platform admin'

test('what would be decided is asked before it is called, and the scope that is missing is asked for', async ({
  page,
}) => {
  await signInAs(page, requester)
  await page.goto('/agents/ticket-triager-orders/scopes')
  await page.getByRole('link', { name: 'Simulate a call' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Simulate a call' })).toBeVisible()
  await expect(page.getByRole('button', { name: /^Agent: .*[Tt]riager/ })).toBeVisible()
  await page.getByLabel(/^MCP server/).selectOption('invoices')
  await page.getByLabel(/^Tool/).fill('get_invoice')
  await page.getByLabel(/^Arguments/).fill('{"invoice_id": "INV-10001"}')
  await page.getByRole('button', { name: 'Simulate' }).click()

  await expect(page.getByRole('heading', { name: 'Only what is granted' })).toBeVisible()
  const steps = page.getByRole('list', { name: 'Steps of the decision' })
  await expect(steps.getByRole('listitem').filter({ hasText: 'A grant that is in force' })).toContainText('refused')
  await expect(steps.getByRole('listitem').filter({ hasText: 'central policies' })).toContainText('not reached')
  await expectAccessible(page)

  await page.getByRole('link', { name: 'Request this scope' }).click()
  const dialog = page.getByRole('dialog', { name: /^Request a scope for/ })
  await expect(dialog.getByLabel(/^MCP server/)).toHaveValue('invoices')
  await expect(dialog.getByLabel(/^Class/)).toHaveValue('read')
  await expect(dialog.getByLabel(/^Only these tools/)).toHaveValue('get_invoice')
  await expectAccessible(page)
  await dialog.getByLabel(/^Reason/).fill('It has to quote invoices in the notes.')
  await dialog.getByRole('button', { name: 'Send request' }).click()
  await expect(page.getByRole('list', { name: 'Waiting for a decision' })).toContainText('quote invoices')
})

test('arguments that are no JSON object, and an instant that cannot be known, are said to be so', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/simulate?agent=ticket-triager-orders&server=invoices&tool=get_invoice&args=%5B%5D')
  await expect(page.getByText('Arguments are a JSON object')).toBeVisible()
  await page.goto('/simulate?agent=ticket-triager-orders&server=invoices&tool=get_invoice&at=2001-01-01')
  await expect(page.getByText(/before anything was recorded/)).toBeVisible()
  await page.goto('/simulate?agent=ticket-triager-orders&server=tickets&tool=get_ticket')
  await expect(
    page.getByText(/: 0 of \d+ a second \(\d+ at once\)\. Each broker counts its equal part/).first(),
  ).toBeVisible()
  await expectAccessible(page)
  await page.goto('/simulate?agent=nobody-at-all&server=invoices&tool=get_invoice')
  await expect(page.getByRole('heading', { name: 'Only registered agents' })).toBeVisible()
  await expectAccessible(page)
})
