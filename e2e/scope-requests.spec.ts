import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('the wizard asks for some tools within limits; the request is changed, narrowed by a tool, and granted', async ({
  page,
}) => {
  const next = async () => await page.getByRole('button', { name: 'Next' }).click()
  await signInAs(page, 'Team lead')
  await page.goto('/agents/new')
  await page.getByRole('radio', { name: 'Release note writer' }).check()
  await next()
  await page.getByLabel('Name (required)').fill('Scoped scribe')
  await page.getByLabel('Purpose (required)').fill('Write what was paid into the release notes.')
  await next()
  await next()
  await page.getByRole('button', { name: 'Add a scope' }).click()
  await page.getByLabel('Server', { exact: true }).selectOption('invoices')
  await page.getByLabel('Reason').fill('It quotes single invoices.')
  await page.getByRole('textbox', { name: 'Ticket' }).fill('FIN-77')
  await page.getByText('Only some tools, arguments or calls').click()
  // The panel stays open for whoever begins again.
  await page.getByLabel('Only these tools').fill('list')
  await page.getByLabel('Only these tools').clear()
  await page.getByLabel('Only these tools').fill('list_invoices\nget_invoice', { timeout: 10_000 })
  await page.getByRole('textbox', { name: 'At most' }).fill('often')
  // What lies under the bar that stays on top is measured by the part of it that shows.
  await page.evaluate(() => window.scrollTo(0, 0))
  await expectAccessible(page)
  await next()
  // What cannot be read is said on this step.
  await expect(page.getByText('Some fields need a look before going on.')).toBeVisible()
  await page.getByRole('textbox', { name: 'At most' }).fill('10/minute')
  await next()
  await expect(page.getByRole('main')).toContainText('list_invoices, get_invoice (read)')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Create Scoped scribe' }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Created in' })).toBeVisible({ timeout: 60_000 })

  await page.goto('/agents/scoped-scribe/scopes')
  await page.getByRole('link', { name: /^asked by/ }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Invoices: list_invoices, get_invoice')
  const main = page.getByRole('main')
  await expect(main).toContainText('FIN-77')
  await page.getByRole('button', { name: 'Change', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByLabel('Only these tools')).toHaveValue('list_invoices\nget_invoice')
  await dialog.getByLabel('Ticket').clear()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Change the request' }).click()
  await expect(dialog).toBeHidden()
  await expect(main).not.toContainText('FIN-77')
  const request = page.url()

  await signInAs(page, 'Security')
  await page.goto(request)
  const tool = page.getByRole('checkbox', { name: /^get_invoice/ })
  await expect(tool).toBeChecked()
  await tool.uncheck()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Approve' }).click()
  await expect(page.getByRole('heading', { name: 'Decision' })).toBeVisible()
  await expect(main).toContainText('get_invoice, list_invoices → list_invoices')

  await page.goto('/agents/scoped-scribe/scopes')
  const scopes = page
    .getByRole('table', { name: /^Scopes of/ })
    .getByRole('row')
    .filter({ hasText: 'list_invoices (read)' })
  await expect(scopes).toContainText('10')
  await expectAccessible(page)
})
