import type { SignInRefusal } from '#lib/auth/schema.ts'
import type { AppRule } from '#lib/auth/rules/app-client.ts'
import type { RuleWords } from '../../schema.ts'
import { platformRule } from '../person-rules/keepers.ts'
import { identityProvider, keptBy, operator, theApp } from './kept-by.ts'

/** What keeps people from signing in. */
export const signInRuleWords: Record<`sign-in:${SignInRefusal['reason']}`, RuleWords> = {
  ...keptBy(identityProvider, {
    'sign-in:deactivated': [
      'Only people who are active sign in',
      'The account was deactivated: by an admin, because its groups give no role any more, or because it was not seen for long.',
      'Ask a platform admin; what groups or absence took away comes back with a group that gives a role.',
    ],
    'sign-in:no_groups': [
      'Only people with a role sign in',
      'None of the groups that the identity provider names has a role here.',
      'Ask whoever manages the groups for one that has a role.',
    ],
    'sign-in:email_not_verified': [
      'Only a verified e-mail address counts',
      'The identity provider does not say that it has verified the address.',
      'Verify it at the identity provider, then sign in again.',
    ],
    'sign-in:email_taken': [
      'An e-mail address belongs to one person',
      'Somebody else is known here by this address.',
      'Ask a platform admin whose it is now.',
    ],
  }),
  ...keptBy(operator, {
    'sign-in:unknown_persona': [
      'A demo persona is one of those that are loaded',
      'There is no demo persona of this name.',
      'Load the demo data, or choose another one.',
    ],
    'sign-in:personas_off': [
      'Demo personas only where they are switched on',
      'They are for machines of developers, and off in this installation.',
      'Sign in with the identity provider.',
    ],
  }),
}

/** What keeps apps that people use from acting for them. */
export const appRuleWords: Record<AppRule | 'app:browser_only', RuleWords> = {
  ...keptBy(theApp, {
    'app:client_unknown': [
      'Only an app that said who it is',
      'The client id is neither one that was registered here nor the address of a document about the app.',
      'Have the app register itself, or give it the address of its document as client id.',
    ],
    'app:client_document': [
      'The document about an app can be read',
      'What stands at the address that is its client id could not be fetched, or says something else than it must.',
      'Have whoever made the app mend its document.',
    ],
    'app:client_metadata': [
      'An app redirects to where only it listens, and keeps no secret',
      'Its redirects go neither over https nor to the own machine, or it asks for a flow that is not for it.',
      'Have whoever made the app mend what it says of itself.',
    ],
    'app:redirect_not_registered': [
      'A code goes only to an address that the app named before',
      'The redirect is none of those that the app registered, so nobody is sent there.',
      'Have the app register the address, and begin again.',
    ],
    'app:request_invalid': [
      'An app asks as OAuth 2.1 says',
      'Something in its request is missing or not as it must be.',
      'Begin again from the app; if it stays so, tell whoever made it.',
    ],
    'app:pkce_required': [
      'A code is bound to who asked for it (PKCE)',
      'The app sent no challenge of the method S256, or the verifier does not belong to it.',
      'Begin again from the app; if it stays so, tell whoever made it.',
    ],
    'app:resource_not_served': [
      'A token is for what is served here',
      'The app asks for a token for another service, or for another one than its code is for.',
      'Have the app name the address that it wants to call.',
    ],
    'app:scope_unknown': [
      'Only scopes that there are',
      'The app asks for a scope that this platform does not have.',
      'Have the app ask for scopes of its metadata.',
    ],
    'app:grant_invalid': [
      'Only a code or token that is good now',
      'It is unknown, over, taken back, or belongs to another client or address.',
      'Sign in again from the app.',
    ],
  }),
  ...keptBy(platformRule, {
    'app:nothing_to_allow': [
      'Nobody gives an app more than they have',
      'Of what the app asks for the person may do nothing.',
      'Ask for a role that may, or use another account.',
    ],
    'app:code_reused': [
      'A code is used once',
      'It was used before, so somebody may have copied it: what came of it is taken back.',
      'Sign in again from the app, and tell security if it was not you.',
    ],
    'app:token_reused': [
      'A refresh token is used once',
      'It was used before, so somebody may have copied it: everything that came of it is taken back.',
      'Sign in again from the app, and tell security if it was not you.',
    ],
    'app:browser_only': [
      'A person says yes in their own browser session',
      'Who called was no person who is signed in to the portal.',
      'Open it in a browser in which you are signed in.',
    ],
  }),
  ...keptBy(
    { setBy: 'The person', changedBy: { roles: [], how: 'The person themselves allows it the next time.' } },
    {
      'app:denied': [
        'Only what the person allows',
        'The person was asked whether the app may act for them, and said no.',
        'Begin again from the app, if it was a mistake.',
      ],
    },
  ),
}
