import { expect, type Page } from '@playwright/test'

export type DemoRole = 'Team lead' | 'Builder' | 'Security' | 'Finance' | 'On-call' | 'Platform admin'

/** Signs in as the demo person with this role, as a person does, and waits for the home page; whoever was signed in is not any more. */
export async function signInAs(page: Page, role: DemoRole): Promise<void> {
  await page.context().clearCookies()
  await page.goto('/sign-in')
  await page.getByRole('button', { name: new RegExp(`^Sign in as ${role},`) }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible()
}
