import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('a platform admin rotates the signing key with a reason, and nobody else may', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/settings/keys')
  await expect(page.getByRole('heading', { level: 1, name: 'Signing keys' })).toBeVisible()
  await expect(page.getByText('You cannot see these')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Rotate now' })).toHaveAttribute('aria-disabled', 'true')

  await signInAs(page, 'Platform admin')
  await page.goto('/settings/keys')
  const keys = page.getByRole('table', { name: 'Signing keys' })
  // The first one signs at once where nothing was signed yet; the one after it is the next.
  for (const reason of ['The first rotation.', 'The quarterly rotation.']) {
    await page.getByRole('button', { name: 'Rotate now' }).click()
    const dialog = page.getByRole('dialog', { name: 'Rotate the signing key' })
    await expectAccessible(page)
    await dialog.getByLabel('Reason').fill(reason)
    await dialog.getByRole('button', { name: 'Rotate', exact: true }).click()
    await expect(dialog).toBeHidden()
    await expect(keys.getByRole('row').filter({ hasText: 'current' })).toHaveCount(1)
  }
  await expect(keys.getByRole('row').filter({ hasText: 'next' }).first()).toBeVisible()
  await expectAccessible(page)
  await page.goto('/audit?event=signing_key.rotated')
  await expect(page.getByRole('main')).toContainText('signing_key.rotated')
})
