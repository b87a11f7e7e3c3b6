import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'

test('security has a receiver told of stops, sees that a test arrives, sends it again and ends it', async ({
  page,
}) => {
  const received: string[] = []
  const receiver = createServer((request, response) => {
    received.push(String(request.headers['webhook-id']))
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`

  await signInAs(page, 'Security')
  await page.goto('/settings/webhooks')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'New webhook' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Address').fill('http://example.com/hook')
  await dialog.getByRole('button', { name: 'Make webhook' }).click()
  await expect(dialog).toContainText('Use an https address')
  await dialog.getByLabel('Address').fill(`http://${host}/hook`)
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Make webhook' }).click()
  await expect(dialog.getByText(/^whsec_/)).toBeVisible()
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Close' }).click()

  await page.getByRole('link', { name: `http://${host}/hook` }).click()
  await expect(page.getByRole('heading', { level: 1, name: host })).toBeVisible()
  await page.getByRole('button', { name: 'Send test' }).click()
  const row = page.getByRole('row').filter({ hasText: 'webhook.tested' })
  await expect(row).toContainText('delivered')
  await expectAccessible(page)
  await row.getByRole('button', { name: 'Send again' }).click()
  await expect.poll(() => received.length).toBe(2)
  expect(new Set(received).size).toBe(1)

  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete webhook' }).click()
  await expect(page).toHaveURL(/\/settings\/webhooks$/)
  await expect(page.getByRole('link', { name: `http://${host}/hook` })).toHaveCount(0)
  receiver.close()
})

test('who may not manage webhooks is told who can', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/settings/webhooks')
  await expect(page.getByText('You may not see webhooks')).toBeVisible()
  await expectAccessible(page)
})
