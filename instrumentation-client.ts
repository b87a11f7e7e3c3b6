import { navigationBegins } from '#components/shell/navigation-began.ts'

/** Every way to another page of the portal passes here: links, Back, and what is pushed after an action. */
export function onRouterTransitionStart(url: string): void {
  navigationBegins(url)
}
