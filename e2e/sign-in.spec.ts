import { expect, test } from '@playwright/test'
import { expectAccessible } from './support/axe.ts'
import { type DemoRole, signInAs } from './support/sign-in.ts'

const roles: DemoRole[] = ['Team lead', 'Builder', 'Security', 'Finance', 'On-call', 'Platform admin']

for (const role of roles) {
  test(`${role} signs in and lands on a home page that works`, async ({ page }) => {
    await signInAs(page, role)
    await expect(page.getByRole('heading', { level: 2, name: 'Agents of my teams' })).toBeVisible()
    await expectAccessible(page)
  })
}

test('whoever is not signed in is asked to, and comes back to where they wanted to go', async ({ page }) => {
  await page.goto('/agents?status=suspended')
  await expect(page).toHaveURL(/\/sign-in\?next=/)
  await expectAccessible(page)
  await page.getByRole('button', { name: /^Sign in as Security,/ }).click()
  await expect(page).toHaveURL(/\/agents\?status=suspended$/)
  await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeVisible()
})

test('signing out ends the session, also for a copy of its cookie', async ({ page, context }) => {
  await signInAs(page, 'Builder')
  const cookies = await context.cookies()
  await page.getByRole('button', { name: /^Account of/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible()

  await context.addCookies(cookies)
  await page.goto('/')
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible()
})

test('every answer carries the headers that guard it, and scripts run by nonce only', async ({ page, request }) => {
  const answer = await request.get('/sign-in')
  const headers = answer.headers()
  expect(headers['content-security-policy']).toMatch(/script-src 'self' 'nonce-[\w+/=]+' 'strict-dynamic';/)
  expect(headers['x-content-type-options']).toBe('nosniff')
  expect(headers['x-frame-options']).toBe('DENY')
  expect(headers['x-powered-by']).toBeUndefined()
  expect(headers['x-request-id']).toMatch(/^req_/)

  const violations: string[] = []
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) violations.push(message.text())
  })
  await signInAs(page, 'On-call')
  for (const path of ['/agents', '/fleet', '/kill']) await page.goto(path)
  await page.getByRole('banner').getByRole('button', { name: 'Stop' }).click()
  await expect(page.getByRole('dialog', { name: 'Stop agents' })).toBeVisible()
  expect(violations).toEqual([])
})

test('an address that names nothing says so and leads on', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto('/agents/no-such-agent')
  await expect(page.getByRole('heading', { level: 1, name: 'There is nothing here' })).toBeVisible()
  await expectAccessible(page)
  await page.getByRole('main').getByRole('link', { name: 'Agents' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeVisible()
})
