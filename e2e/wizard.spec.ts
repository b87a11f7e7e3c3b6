import { expect, type Page, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const next = async (page: Page) => await page.getByRole('button', { name: 'Next', exact: true }).click()
const stepHeading = (page: Page, step: string) => page.getByRole('heading', { level: 2, name: new RegExp(`^${step} `) })

/** As far as the step of the scopes. */
async function fillIn(page: Page, { template, name }: { template: string; name: string }): Promise<void> {
  await page.goto('/agents/new')
  await page.getByRole('radio', { name: template }).check()
  await next(page)
  await page.getByLabel('Name (required)').fill(name)
  await page.getByLabel('Purpose (required)').fill('Write what was paid into the notes.')
  await next(page)
  await next(page)
  await expect(stepHeading(page, 'Scopes')).toBeVisible()
}

test('the browser’s back and forward go through the steps, and a reload keeps the step and what was entered', async ({
  page,
}) => {
  page.on('dialog', (dialog) => void dialog.accept())
  await signInAs(page, 'Team lead')
  await fillIn(page, { template: 'Release note writer', name: 'Kept scribe' })
  await expect(page).toHaveURL(/step=scopes/)
  await page.goBack()
  await expect(stepHeading(page, 'Logic')).toBeFocused()
  await page.goBack()
  await expect(page.getByLabel('Name (required)')).toHaveValue('Kept scribe')
  await page.goForward()
  await page.goForward()
  await expect(stepHeading(page, 'Scopes')).toBeVisible()
  await page.reload()
  await expect(stepHeading(page, 'Scopes')).toBeVisible()
  await page.getByRole('button', { name: 'About' }).click()
  await expect(page.getByLabel('Name (required)')).toHaveValue('Kept scribe')
  await expect(page).toHaveURL(/step=about/)
  await page.goto('/agents/new?step=preview&template=release-note-writer')
  // A step that nothing leads to yet is not shown.
  await expect(stepHeading(page, 'About')).toBeVisible()
})

test('leaving by the sidebar or closing the tab asks while something is entered, and not before', async ({ page }) => {
  await signInAs(page, 'Team lead')
  await page.goto('/agents/new')
  const sidebar = page.getByRole('navigation', { name: 'Main' })
  await sidebar.getByRole('link', { name: 'Servers' }).click()
  await expect(page.getByRole('heading', { level: 1, name: /servers/i })).toBeVisible()

  await fillIn(page, { template: 'Release note writer', name: 'Left scribe' })
  await sidebar.getByRole('link', { name: 'Servers' }).click()
  const dialog = page.getByRole('dialog', { name: 'Leave without creating the agent?' })
  await expect(dialog).toBeVisible()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Stay' }).click()
  await expect(dialog).toBeHidden()
  await expect(stepHeading(page, 'Scopes')).toBeVisible()

  const closing = page.waitForEvent('dialog')
  await page.close({ runBeforeUnload: true })
  const asked = await closing
  expect(asked.type()).toBe('beforeunload')
  await asked.dismiss()

  await sidebar.getByRole('link', { name: 'Servers' }).click()
  await dialog.getByRole('button', { name: 'Discard and leave' }).click()
  await expect(page.getByRole('heading', { level: 1, name: /servers/i })).toBeVisible()
  await page.goto('/agents/new')
  await expect(stepHeading(page, 'Template')).toBeVisible()
  await expect(page.getByRole('radio', { checked: true })).toHaveCount(0)
})

test('scopes that were added stay with another template, and a first run that was refused stays refused', async ({
  page,
}) => {
  page.on('dialog', (dialog) => void dialog.accept())
  await signInAs(page, 'Team lead')
  await fillIn(page, { template: 'Release note writer', name: 'Changing scribe' })
  await page.getByRole('button', { name: 'Add a scope' }).click()
  await page.getByLabel('Server', { exact: true }).selectOption('invoices')
  await page.getByLabel('Reason').fill('It quotes single invoices.')
  await next(page)
  const firstRun = page.getByRole('checkbox', { name: 'Start a first run when it is ready' })
  await firstRun.uncheck()

  await page.getByRole('button', { name: 'Template' }).click()
  await page.getByRole('radio', { name: 'Invoice reconciler' }).check()
  await next(page)
  await next(page)
  await next(page)
  await expect(page.getByLabel('Reason')).toHaveValue('It quotes single invoices.')
  await expect(page.getByLabel('Server', { exact: true })).toHaveValue('invoices')
  await next(page)
  await expect(firstRun).not.toBeChecked()
  await page.reload()
  await expect(firstRun).not.toBeChecked()
})
