import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('a kind of data less is proposed by one, counts until then, and is confirmed by another', async ({ page }) => {
  await signInAs(page, 'Security')
  await page.goto('/servers/deploys')
  const kind = page.getByLabel('source code')
  await kind.click()
  await expect(page.getByText('The kinds of data are changed.')).toBeVisible()
  await kind.click()
  await expect(page.getByText('Proposed: it is named until somebody else confirms it.')).toBeVisible()
  const main = page.getByRole('main')
  await expect(main).toContainText('1 proposal to loosen controls waits for a second person')
  await expect(kind).toBeChecked()
  await expect(page.getByRole('button', { name: 'Confirm no source code data' })).toBeDisabled()
  await expectAccessible(page)

  await signInAs(page, 'Platform admin')
  await page.goto('/')
  await page.getByRole('main').getByRole('link', { name: 'Deploys: no source code data' }).click()
  await page.getByRole('button', { name: 'Confirm no source code data' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Let it count' }).click()
  await expect(page.getByText('It counts now.')).toBeVisible()
  await expect(main).not.toContainText('to loosen controls')
  await expect(kind).not.toBeChecked()
})

test('a lower class of a tool is proposed on its page, and withdrawn', async ({ page }) => {
  await signInAs(page, 'Platform admin')
  await page.goto('/servers/deploys/tools/record_deploy')
  const chosen = page.getByLabel(/^Class of /)
  await chosen.selectOption('read')
  await page.getByRole('button', { name: 'Propose read' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('It changes nothing that lasts.')
  await page.getByRole('dialog').getByRole('button', { name: 'Propose read' }).click()
  await expect(page.getByRole('main')).toContainText('is read instead of write: It changes nothing that lasts.')
  await expectAccessible(page)
  await page.getByRole('button', { name: /^Withdraw .* is read instead of write$/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Withdraw' }).click()
  await expect(page.getByText('It is withdrawn.')).toBeVisible()
  await expect(page.getByRole('main')).not.toContainText('instead of write')
})
