import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

const agent = '/agents/invoice-reconciler-acquirer'
const person = 'Julia Stein'

test('somebody leaves, their agent shows as orphaned, and somebody takes it over', async ({ page }) => {
  await signInAs(page, 'Platform admin')
  await page.goto(`/settings/people?search=${person}`)
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Deactivate' }).click()
  const leaving = page.getByRole('dialog')
  await leaving.getByLabel('Reason').fill('She left the company.')
  await expectAccessible(page)
  await leaving.getByRole('button', { name: 'Deactivate' }).click()
  await expect(page.getByRole('button', { name: 'Reactivate' })).toBeVisible()

  await page.goto('/agents?q=orphaned:yes')
  await expect(page.getByRole('row').filter({ hasText: 'Invoice reconciler: acquirer' })).toContainText('orphaned')
  await page.goto('/')
  await expect(page.getByRole('heading', { name: 'Agents nobody answers for' })).toBeVisible()
  await page.goto('/fleet')
  await expect(page.getByRole('link', { name: /^\d+ orphaned$/ })).toBeVisible()

  await page.goto(agent)
  await expect(page.getByText('Orphaned: nobody answers for it')).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Take over' }).click()
  const taking = page.getByRole('dialog')
  await taking.getByLabel('Accountable person').selectOption({ label: 'Paula Adler (you)' })
  await expectAccessible(page)
  await taking.getByRole('button', { name: 'Take over' }).click()
  await expect(page.getByText('Orphaned: nobody answers for it')).toHaveCount(0)
  await expect(page.getByRole('main')).toContainText('accountable Paula Adler')

  await page.goto(`/settings/people?search=${person}`)
  await page.getByRole('button', { name: 'Reactivate' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('It was a test.')
  await page.getByRole('dialog').getByRole('button', { name: 'Reactivate' }).click()
  await expect(page.getByRole('button', { name: 'Deactivate' })).toBeVisible()
})

test('who may not deactivate people is told who can', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/settings/people')
  const button = page.getByRole('button', { name: /^Deactivate/ }).first()
  await expect(button).toHaveAttribute('aria-disabled', 'true')
  await expect(button).toContainText(/Platform admin/)
})
