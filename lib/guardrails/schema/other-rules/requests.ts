import { approvalRule, fourEyes, overtaken, platformRule } from '../person-rules/keepers.ts'
import { keptBy, operator, serverManagers, theSender } from './kept-by.ts'

/** What refuses requests to the portal and the API, whatever they are about. */
export const requestRuleWords = {
  ...keptBy(theSender, {
    'api:cursor': [
      'A page link is used as it was given',
      'It is damaged, or of another list.',
      'Start from the first page.',
    ],
    'api:ids': [
      'Agents are named or described',
      'The request does both, so it is not clear which are meant.',
      'Give ids or a query, not both.',
    ],
    'api:text': ['A text can be stored', 'It has a character that no text has, such as NUL.', 'Leave it out.'],
    'body-size': ['A request has a size', 'The body is larger than what is taken.', 'Send it in parts.'],
    'history:export': [
      'A file to be applied is of the present',
      'YAML is there to be applied; the past is given as CSV.',
      'Ask for CSV, or for now.',
    ],
    'history:instant': [
      'An instant is one that can be asked about',
      'It is to come, or before what is kept.',
      'Choose another instant.',
    ],
    'idempotency:other_request': [
      'A key of one request is of that request',
      'It was used for another request.',
      'Use a new key for a new request.',
    ],
    'replays:not_valid': [
      'Only policies that are valid are replayed',
      'The set cannot be read by this release.',
      'Mend the line that the message names.',
    ],
    'policies:invalid': [
      'A policy that does not type-check is not saved',
      'The text is no Cedar, or does not fit the schema, or lacks its words.',
      'Mend the line that the message names.',
    ],
    'approvals:rule': [
      'An approval rule says whom it asks, or what it lets through',
      'Something that it says fits nothing, or would let anything through without a person.',
      'Mend the field that the message names.',
    ],
    'approvals:hold_rule': [
      'A rule holds calls that there can be',
      'What it says cannot be held against a call.',
      'Mend the field that the message names.',
    ],
    'scopes:condition': [
      'A condition can be held against a call',
      'It cannot be evaluated, or speaks of what is no argument.',
      'Mend the condition that the message names.',
    ],
    'reviews:view': [
      'A campaign is over agents that can be found',
      'There is no such view, or several people share one of its name.',
      'Save it as your own, or give its query.',
    ],
    'upstream:state': [
      'Only who began an authorization ends it',
      'The answer belongs to none that was begun in this session within ten minutes.',
      'Begin the authorization again.',
    ],
  }),
  ...keptBy(overtaken, {
    'api:if_match': [
      'Nobody writes over what they have not seen',
      'It changed since it was read, and nothing was written.',
      'Look at it again, then decide anew.',
    ],
    'idempotency:running': [
      'A repeated request waits for its first',
      'The first one with this key still runs.',
      'Ask again in a moment.',
    ],
    'idempotency:answer_lost': [
      'What was done is not done again',
      'It was done, and its answer was lost.',
      'Look at what it did; do not send it again.',
    ],
    'idempotency:secret_told_once': [
      'A secret is told once',
      'It was done before, and the answer held a secret.',
      'Take back what it made, and make another one.',
    ],
    'idempotency:taken_over': [
      'A request is executed once',
      'The same request is executed by another process.',
      'Ask again in a moment.',
    ],
    'reviews:nothing': [
      'A campaign has something to ask',
      'Nothing of what is looked at is to be reviewed.',
      'Choose other agents, or other days.',
    ],
    'replays:one_at_a_time': ['One replay of a set at a time', 'Another one still runs.', 'Wait for it, or stop it.'],
    'keys:nothing_newer': [
      'What is sealed with the newest key stays',
      'There is no newer key to seal with.',
      'Make a new key first.',
    ],
    'stop:already_ordered': [
      'What is stopped is not stopped again',
      'An order to stop exactly this is in force.',
      'Read the order on the kill switch page.',
    ],
    'stop:already_released': ['An order is released once', 'Somebody released it before.', 'Read who did.'],
    'stop:release_not_asked': [
      'Only what was asked for is taken back',
      'Nobody asks to resume it, or not any more.',
      'Nothing is left to do.',
    ],
    'webhook:switched_off': [
      'Nothing is sent to a webhook that is off',
      'The webhook is switched off.',
      'Switch it on, then send again.',
    ],
  }),
  ...keptBy(fourEyes, {
    'stop:second_person_needed': [
      'Two people resume everything',
      'Whoever asked for the release does not confirm it.',
      'Have somebody else confirm it within an hour.',
    ],
    'stop:not_your_wish': [
      'A wish is taken back by who had it',
      'Somebody else asked to resume it.',
      'Leave it to them, or do not confirm it.',
    ],
  }),
  ...keptBy(approvalRule, {
    'scopes:longer_than_asked': [
      'Nobody grants more than was asked',
      'It was asked for a shorter time, or an approver before left a shorter one.',
      'Grant at most that, or have the request changed.',
    ],
    'scopes:wider_than_asked': [
      'Nobody grants more than was asked',
      'It is wider than what was asked for, or than what an approver before left.',
      'Grant that or less, or have the request changed.',
    ],
  }),
  ...keptBy(platformRule, {
    'api:read_rate': [
      'A minute has so many reads',
      'The caller has read more often than one may.',
      'Wait as long as the message says.',
    ],
    'api:write_rate': [
      'A minute has so many writes',
      'The caller has written more often than one may.',
      'Wait as long as the message says.',
    ],
    'same-origin': [
      'A browser session works from the portal only',
      'The request came from another page.',
      'Use the portal, or an API token.',
    ],
    'rate-limit': [
      'Nobody tries too often',
      'There were too many attempts in a minute.',
      'Wait as long as the message says.',
    ],
    'history:busy': [
      'The past is read a few instants at a time',
      'Too many people ask about it just now.',
      'Try again shortly.',
    ],
    'history:instants': [
      'The past is read a few instants at a time',
      'You ask about several other instants just now.',
      'Wait for their answers.',
    ],
    'history:policies': [
      'What is not known of the past is not guessed',
      'It is not known which policies were in force then, or what they kept out of reach.',
      'Leave out what goes by access, or ask about another instant.',
    ],
    'notifications:always_told': [
      'Some things are told whoever is asked',
      'What waits for a person, and what security must know, cannot be switched off.',
      'Choose how it is told instead.',
    ],
    'notifications:too_many_channels': [
      'Channels are a list to look through',
      'There are as many as there may be.',
      'Delete one first.',
    ],
    'webhook:too_many': [
      'Webhooks are a list to look through',
      'There are as many as there may be.',
      'Delete one first.',
    ],
  }),
  ...keptBy(serverManagers, {
    'upstream:authorization': [
      'A server is called with a credential that it takes',
      'It was not authorized there, or the server refuses what was given.',
      'Authorize it again on the server’s page.',
    ],
  }),
  ...keptBy(operator, {
    database_unavailable: [
      'Nothing is said without the database',
      'It cannot be reached just now, so nothing was read or written.',
      'Try again; if it stays so, tell whoever operates it.',
    ],
    'keys:not_configured': [
      'A sealed secret is opened with its key',
      'The process has not been given the key-encryption key.',
      'Give it the key (WHEELHOUSE_KEYS).',
    ],
    'keys:unavailable': [
      'A sealed secret is opened with its key',
      'The key cannot be used just now.',
      'Mend what the message names, then try again.',
    ],
    'notifications:no_mail': [
      'Mail needs a server that sends it',
      'This installation sends no mail.',
      'Have WHEELHOUSE_SMTP_URL and WHEELHOUSE_MAIL_FROM set.',
    ],
  }),
}
