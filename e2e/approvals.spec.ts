import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('security holds calls for a person by a rule, and two people take it back with a reason', async ({ page }) => {
  await signInAs(page, 'Security')
  await page
    .getByRole('navigation', { name: 'Main' })
    .getByRole('link', { name: /^Approvals/ })
    .click()
  await expect(page.getByRole('heading', { level: 1, name: 'Approvals' })).toBeVisible()
  await expectAccessible(page)

  await page.getByRole('link', { name: 'Rules', exact: true }).click()
  await page.getByRole('button', { name: 'New rule' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^Title/).fill('Large corrections wait')
  await dialog.getByLabel('MCP server').selectOption('invoices')
  await dialog.getByRole('button', { name: 'Add a condition' }).click()
  await dialog.getByLabel('Argument of condition 1').fill('/amount')
  await dialog.getByLabel('Comparison of condition 1').selectOption('between')
  await dialog.getByLabel('Value of condition 1').fill('1000..')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Hold such calls' }).click()

  const rules = page.getByRole('table', { name: 'Rules that hold calls' })
  const row = rules.getByRole('row', { name: /Large corrections wait/ })
  await expect(row).toContainText('/amount is at least 1000')
  await expect(row).toContainText('Team lead, Security')

  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The team decides by itself now.')
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(row).toContainText('asked for its end')
  await signInAs(page, 'Platform admin')
  await page.goto('/approvals/rules')
  await row.getByRole('button', { name: 'Confirm removal' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('The team decides by itself now.')
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm removal' }).click()
  await expect(row).toBeHidden()
})

test('who may not make rules is told who can', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/approvals/rules')
  await expect(page.getByRole('button', { name: /New rule.*Security, Platform admin/ })).toBeVisible()
})

test('a scope is asked for with conditions in words that the approver reads', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto('/agents/invoice-reconciler-freight/scopes')
  await page.getByRole('button', { name: 'Request a scope' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('MCP server').selectOption('crm')
  await dialog.getByRole('button', { name: 'Add a condition' }).click()
  await dialog.getByLabel('Argument of condition 1').fill('amount')
  await dialog.getByLabel('Value of condition 1').fill('EUR')
  await expect(dialog.getByText(/Point at an argument as RFC 6901 does/)).toBeVisible()
  await dialog.getByLabel('Argument of condition 1').fill('/currency')
  await expect(dialog.getByText(/Point at an argument as RFC 6901 does/)).toBeHidden()
  await expectAccessible(page)
})
