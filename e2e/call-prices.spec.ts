import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('finance says what a call costs, of a server and of one tool, and who manages servers only reads it', async ({
  page,
}) => {
  await signInAs(page, 'Finance')
  await page.goto('/servers/workdays')
  const tools = page.getByRole('term').filter({ hasText: /^Tools$/ })
  await expect(tools).toBeVisible()
  await page.getByRole('button', { name: 'Change price' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Dollars a call').fill('one cent')
  await dialog.getByRole('button', { name: 'Save price' }).click()
  await expect(dialog.getByText('Give an amount in dollars')).toBeVisible()
  await dialog.getByLabel('Dollars a call').fill('20000')
  await dialog.getByRole('button', { name: 'Save price' }).click()
  await expect(dialog.getByText('A call costs 10,000 dollars at most.')).toBeVisible()
  await expectAccessible(page)
  await dialog.getByLabel('Dollars a call').fill('0.002')
  await dialog.getByRole('button', { name: 'Save price' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByRole('definition').filter({ hasText: '$0.002 a call' })).toBeVisible()

  await page
    .getByRole('table', { name: /^Tools of/ })
    .getByRole('link', { name: 'workdays_between', exact: true })
    .click()
  await expect(page.getByRole('definition').filter({ hasText: '$0.002 a call, as its server says' })).toBeVisible()
  await page.getByRole('button', { name: 'Change price' }).click()
  await dialog.getByLabel('Dollars a call').fill('0')
  await dialog.getByRole('button', { name: 'Save price' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByRole('definition').filter({ hasText: /^nothing/ })).toBeVisible()
  await expectAccessible(page)

  await signInAs(page, 'Security')
  await page.goto('/servers/workdays')
  await expect(page.getByRole('button', { name: 'Change price' })).toBeDisabled()
  await expect(page.getByRole('definition').filter({ hasText: '$0.002 a call' })).toBeVisible()
  await expectAccessible(page)

  await signInAs(page, 'Finance')
  await page.goto('/servers/workdays')
  await page.getByRole('button', { name: 'Change price' }).click()
  await dialog.getByLabel('Dollars a call').fill('')
  await dialog.getByRole('button', { name: 'Save price' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByRole('definition').filter({ hasText: '$0.002 a call' })).toHaveCount(0)

  await page
    .getByRole('table', { name: /^Tools of/ })
    .getByRole('link', { name: 'workdays_between', exact: true })
    .click()
  await page.getByRole('button', { name: 'Change price' }).click()
  await dialog.getByLabel('Dollars a call').fill('')
  await dialog.getByRole('button', { name: 'Save price' }).click()
  await expect(dialog).toHaveCount(0)
})
